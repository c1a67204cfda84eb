using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>Which threads take which elements in kernels that treat every element alike (kernels/fc/rows.cuh).</summary>
/// <param name="Vector">Neighbouring columns that move in one access.</param>
/// <param name="RowThreads">Threads that share a row.</param>
/// <param name="Rows">Rows of one thread.</param>
internal readonly record struct RowTile(int Vector, int RowThreads, int Rows)
{
    public const int Threads = 128;

    /// <summary>The tile of long rows, in accesses of 16 bytes of the widest element or one by one.</summary>
    public static RowTile Long(int rows, ElementType? widest) => new(widest is { } type ? 16 / type.Bytes() : 1, Threads, rows);

    /// <summary>The widest access that all views allow; the fewest row threads that cover a row, in coarse steps, so that there are few variants.</summary>
    /// <param name="columns">Of the result.</param>
    /// <param name="rows">Rows of one thread.</param>
    /// <param name="views">All views that are read or written; empty ones do not count.</param>
    public static RowTile Of(int columns, int rows, params ReadOnlySpan<DeviceMatrix> views)
    {
        var vector = VectorOf(views);
        var packs = (columns + vector - 1) / vector;
        return new RowTile(vector, packs <= 1 ? 1 : packs <= 32 ? 32 : Threads, rows);
    }

    /// <summary>Elements in 16 bytes of the widest type where every view is aligned to that many elements, else 1.</summary>
    public static int VectorOf(params ReadOnlySpan<DeviceMatrix> views)
    {
        var largest = 2;
        foreach (var view in views)
        {
            if (!view.IsEmpty) largest = Math.Max(largest, view.Type.Bytes());
        }

        var vector = 16 / largest;
        foreach (var view in views)
        {
            if (!view.IsEmpty && !view.IsAligned(vector * view.Type.Bytes())) return 1;
        }

        return vector;
    }

    /// <summary>The blocks that cover a matrix.</summary>
    public GridSize Grid(int rows, int columns) =>
        new(GridSize.Blocks(rows, Threads / RowThreads * Rows), GridSize.Blocks(columns, RowThreads * Vector));

    public void WriteConfig(ConfigWriter config) =>
        config.Constant("kVector", Vector).Constant("kThreads", Threads).Constant("kRowThreads", RowThreads).Constant("kRows", Rows);
}
