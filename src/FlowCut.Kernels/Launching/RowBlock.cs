using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>
/// How kernels that hold a whole row in registers share it out (kernels/fc/row_values.cuh): 16 elements a thread, so that nothing
/// spills, and as many threads as that takes, in steps, so that there are few variants.
/// </summary>
/// <param name="Vector">Neighbouring columns that move in one access.</param>
/// <param name="RowThreads">Threads of a row: a warp, or the block.</param>
internal readonly record struct RowBlock(int Vector, int RowThreads)
{
    /// <summary>The longest row.</summary>
    public const int MaxColumns = 1024 * ElementsOfThread;

    private const int ElementsOfThread = 16;
    private const int SmallBlock = 128;

    /// <summary>Accesses of one thread.</summary>
    public int Items => ElementsOfThread / Vector;

    /// <summary>Threads of a block: several short rows, or one.</summary>
    public int Threads => Math.Max(RowThreads, SmallBlock);

    public int SharedBytes => Math.Max(Threads / 32 * sizeof(float), 16);

    /// <exception cref="ArgumentException">The row is longer than <see cref="MaxColumns"/>.</exception>
    public static RowBlock Of(int columns, int vector)
    {
        if (columns > MaxColumns) throw new ArgumentException($"A row has {columns} columns; {MaxColumns} are the most that one block holds.", nameof(columns));
        return new RowBlock(vector, columns switch { <= 512 => 32, <= 2048 => 128, <= 4096 => 256, <= 8192 => 512, _ => 1024 });
    }

    public GridSize Grid(int rows) => new(GridSize.Blocks(rows, Threads / RowThreads));

    public void WriteConfig(ConfigWriter config) =>
        config.Constant("kVector", Vector).Constant("kItems", Items).Constant("kThreads", Threads).Constant("kRowThreads", RowThreads).Constant("kSharedBytes", SharedBytes);
}
