using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>Copies a matrix into another element type: exact when widening, rounded to nearest even when narrowing (too large becomes infinity, NaN stays NaN).</summary>
public static class ConvertType
{
    private const int RowsOfThread = 4;

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="y">[rows, columns], apart from <paramref name="x"/>; of the same type: a strided copy.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix y, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.Disjoint(x, y);
        if (x.IsEmpty) return;

        var variant = Plan(x, y);
        var args = new ConvertTypeArgs { X = x.Pointer, Y = y.Pointer, XStride = x.RowStride, YStride = y.RowStride, Rows = x.Rows, Columns = x.Columns };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(x.Rows, x.Columns), RowTile.Threads, stream);
    }

    internal static ConvertTypeVariant Plan(in DeviceMatrix x, in DeviceMatrix y) => new(x.Type, y.Type, RowTile.Of(x.Columns, RowsOfThread, x, y));
    /// <summary>For reports and compile tests: every pair of types, and single elements.</summary>
    internal static IEnumerable<ConvertTypeVariant> Variants =>
    [
        .. from x in Enum.GetValues<ElementType>()
           from y in Enum.GetValues<ElementType>()
           select new ConvertTypeVariant(x, y, RowTile.Long(RowsOfThread, x.Bytes() > y.Bytes() ? x : y)),
        new ConvertTypeVariant(ElementType.Float32, ElementType.Float16, RowTile.Long(RowsOfThread, null)),
    ];
}

internal readonly record struct ConvertTypeVariant(ElementType X, ElementType Y, RowTile Tile) : IKernelVariant<ConvertTypeVariant>
{
    public string Source => "transformer/convert_type.cu";

    public string Entry => "fc_convert_type";

    public string ConfigName => "config/convert_type.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Y", Y);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct ConvertTypeArgs
{
    public nint X;
    public nint Y;
    public long XStride;
    public long YStride;
    public int Rows;
    public int Columns;
}
