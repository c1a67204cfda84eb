using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>How kernels that hold a whole row in registers share it out (kernels/fc/row_values.cuh): at most 16 elements a thread, so that nothing spills.</summary>
/// <param name="Vector">Neighbouring columns that move in one access.</param>
/// <param name="Items">Accesses of one thread.</param>
/// <param name="RowThreads">Threads of a row: a warp, or the block.</param>
internal readonly record struct RowBlock(int Vector, int Items, int RowThreads)
{
    /// <summary>The longest row.</summary>
    public const int MaxColumns = 1024 * ElementsOfThread;

    private const int ElementsOfThread = 16;
    private const int SmallBlock = 128;

    /// <summary>Threads of a block: several short rows, or one.</summary>
    public int Threads => Math.Max(RowThreads, SmallBlock);

    public int SharedBytes => Math.Max(Threads / 32 * sizeof(float), 16);

    /// <summary>All that <see cref="Of"/> may choose for elements of at most this size.</summary>
    public static IEnumerable<RowBlock> All(int largestElement)
    {
        foreach (var vector in new[] { 16 / largestElement, 1 })
        {
            foreach (var rowThreads in new[] { 32, 128, 256, 512, 1024 })
            {
                for (var items = 1; items * vector <= ElementsOfThread; items *= 2) yield return new RowBlock(vector, items, rowThreads);
            }
        }
    }

    /// <exception cref="ArgumentException">The row is longer than <see cref="MaxColumns"/>.</exception>
    public static RowBlock Of(int columns, int vector)
    {
        if (columns > MaxColumns) throw new ArgumentException($"A row has {columns} columns; {MaxColumns} are the most that one block holds.", nameof(columns));
        var rowThreads = columns switch { <= 512 => 32, <= 2048 => 128, <= 4096 => 256, <= 8192 => 512, _ => 1024 };
        var packs = (columns + vector - 1) / vector;
        return new RowBlock(vector, RowTile.PowerOfTwo((packs + rowThreads - 1) / rowThreads), rowThreads);
    }

    public GridSize Grid(int rows) => new(GridSize.Blocks(rows, Threads / RowThreads));

    public void WriteConfig(ConfigWriter config) =>
        config.Constant("kVector", Vector).Constant("kItems", Items).Constant("kThreads", Threads).Constant("kRowThreads", RowThreads).Constant("kSharedBytes", SharedBytes);
}
