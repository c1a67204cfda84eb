using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>Rows that are weighted sums of few others: merged and averaged tokens.</summary>
public static class MixRows
{
    private static readonly ElementType[] s_types = Enum.GetValues<ElementType>();

    /// <summary>
    /// Enqueues y[i] = Σ weights[s] · x[sources[s]] for s = ends[i − 1] … ends[i] − 1 (from 0 in the first row), added in this order in
    /// fp32 and rounded once. A row without sources is 0; NaN and infinity as the formula. Allocates nothing once the kernel is loaded,
    /// waits for nothing.
    /// </summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[source rows, columns].</param>
    /// <param name="ends">[y's rows]. Device values, as the sources are, so they are not checked: they rise, and end within the sources.</param>
    /// <param name="sources">Each names a row of <paramref name="x"/>.</param>
    /// <param name="weights">As many as sources.</param>
    /// <param name="y">[rows, columns], apart from <paramref name="x"/>.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<int> ends, DeviceArray<int> sources, DeviceArray<float> weights, DeviceMatrix y, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, y.Rows, x.Columns);
        Require.Disjoint(x, y);
        Require.Length(ends, y.Rows);
        Require.Valid(sources);
        Require.Length(weights, sources.Length);
        if (y.IsEmpty) return;

        var variant = Plan(x, y);
        var args = new MixRowsArgs
        {
            X = x.Pointer,
            Ends = ends.Pointer,
            Sources = sources.Pointer,
            Weights = weights.Pointer,
            Y = y.Pointer,
            XStride = x.RowStride,
            YStride = y.RowStride,
            Rows = y.Rows,
            Columns = y.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(y.Rows, y.Columns), RowTile.Threads, stream);
    }

    internal static MixRowsVariant Plan(in DeviceMatrix x, in DeviceMatrix y) => new(x.Type, y.Type, RowTile.Of(y.Columns, 1, x, y));

    /// <summary>For reports and compile tests: long rows of every pair of types, and single elements.</summary>
    internal static IEnumerable<MixRowsVariant> Variants =>
    [
        .. from x in s_types from y in s_types select new MixRowsVariant(x, y, RowTile.Long(1, x == ElementType.Float32 ? x : y)),
        new MixRowsVariant(ElementType.Float16, ElementType.Float16, RowTile.Long(1, null)),
        new MixRowsVariant(ElementType.Float32, ElementType.Float32, RowTile.Long(1, null)),
    ];
}

internal readonly record struct MixRowsVariant(ElementType X, ElementType Y, RowTile Tile) : IKernelVariant<MixRowsVariant>
{
    public string Source => "pruning/mix_rows.cu";

    public string Entry => "fc_mix_rows";

    public string ConfigName => "config/mix_rows.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Y", Y);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct MixRowsArgs
{
    public nint X;
    public nint Ends;
    public nint Sources;
    public nint Weights;
    public nint Y;
    public long XStride;
    public long YStride;
    public int Rows;
    public int Columns;
}
