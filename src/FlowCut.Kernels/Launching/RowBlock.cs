using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>
/// How kernels that hold a whole row in registers share it out (kernels/fc/row_values.cuh): 16 elements a thread, 8 where each is
/// an access of its own, so that nothing spills; and as many threads as that takes, in steps, so that there are few variants.
/// </summary>
/// <param name="Vector">Neighbouring columns that move in one access.</param>
/// <param name="RowThreads">Threads of a row: a warp, or the block.</param>
internal readonly record struct RowBlock(int Vector, int RowThreads)
{
    private const int SmallBlock = 128;
    private static readonly int[] s_rowThreads = [32, 128, 256, 512, 1024];

    /// <summary>Accesses of one thread.</summary>
    public int Items => ElementsOfThread(Vector) / Vector;

    /// <summary>Threads of a block: several short rows, or one.</summary>
    public int Threads => Math.Max(RowThreads, SmallBlock);

    public int SharedBytes => Math.Max(Threads / 32 * sizeof(float), 16);

    /// <exception cref="ArgumentException">The row is longer than a block of 1024 threads holds: 16384 columns, 8192 in a view that is not aligned to 16 bytes.</exception>
    public static RowBlock Of(int columns, int vector)
    {
        var elements = ElementsOfThread(vector);
        foreach (var threads in s_rowThreads)
        {
            if (columns <= threads * elements) return new RowBlock(vector, threads);
        }

        throw new ArgumentException($"A row has {columns} columns; one block holds {1024 * elements}{(vector == 1 ? " where views are not aligned to 16 bytes" : "")}.", nameof(columns));
    }

    public GridSize Grid(int rows) => new(GridSize.Blocks(rows, Threads / RowThreads));

    public void WriteConfig(ConfigWriter config) =>
        config.Constant("kVector", Vector).Constant("kItems", Items).Constant("kThreads", Threads).Constant("kRowThreads", RowThreads).Constant("kSharedBytes", SharedBytes);

    private static int ElementsOfThread(int vector) => vector == 1 ? 8 : 16;
}
