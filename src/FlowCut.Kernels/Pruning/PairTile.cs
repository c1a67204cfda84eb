using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>How a block makes all pairs of some rows (kernels/fc/pair_tile.cuh).</summary>
/// <param name="Rows">Rows of either side: 16 or 32.</param>
/// <param name="Pack">Columns that a thread loads at once.</param>
/// <param name="Vector">They are one access of 16 bytes at most.</param>
internal readonly record struct PairTile(int Rows, int Pack, bool Vector)
{
    public const int Threads = 256;

    /// <summary>Rows of either side of the larger tile.</summary>
    public const int Large = 32;

    /// <summary>Of the smaller one.</summary>
    public const int Small = 16;

    /// <summary>The smaller tile for sets that do not fill the device with the larger one.</summary>
    public static PairTile Of(DeviceInfo device, in DeviceMatrix x, in DeviceMatrix y)
    {
        var tiles = (long)GridSize.Blocks(x.Rows, Large) * GridSize.Blocks(y.Rows, Large);
        return Of(tiles < device.Multiprocessors ? Small : Large, RowTile.VectorOf(x, y));
    }

    /// <param name="rows">16 or 32.</param>
    /// <param name="vector">Elements that all views allow in one access; 1: elements are loaded one by one.</param>
    public static PairTile Of(int rows, int vector) => new(rows, Math.Max(vector, 4), vector > 1);

    /// <summary>Two slabs of both sides, which the groups' sums replace, and the norms of both.</summary>
    public int SharedBytes => 2 * 2 * Rows * (2048 / Rows + 4) * sizeof(float) + 2 * Rows * sizeof(double);

    public GridSize Grid(int xRows, int yRows) => new(GridSize.Blocks(xRows, Rows), GridSize.Blocks(yRows, Rows));

    public void WriteConfig(ConfigWriter config) => config.Constant("kTile", Rows).Constant("kPack", Pack).Constant("kVector", Vector).Constant("kSharedBytes", SharedBytes);
}
