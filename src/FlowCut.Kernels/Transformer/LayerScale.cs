using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>x += y·gamma, element by element: the scaled residual of InternViT and DINOv2 (LayerScale, arXiv 2103.17239).</summary>
public static class LayerScale
{
    private const int RowsOfThread = 4;

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="y">[rows, columns].</param>
    /// <param name="gamma">[1, columns].</param>
    /// <param name="x">[rows, columns], read and written; the same view as <paramref name="y"/>, or apart from it.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix y, DeviceMatrix gamma, DeviceMatrix x, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.Shape(gamma, 1, x.Columns);
        Require.SameOrDisjoint(y, x);
        Require.Disjoint(gamma, x);
        if (x.IsEmpty) return;

        var variant = Plan(y, gamma, x);
        var args = new LayerScaleArgs
        {
            Y = y.Pointer,
            Gamma = gamma.Pointer,
            X = x.Pointer,
            YStride = y.RowStride,
            XStride = x.RowStride,
            Rows = x.Rows,
            Columns = x.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(x.Rows, x.Columns), RowTile.Threads, stream);
    }

    internal static LayerScaleVariant Plan(in DeviceMatrix y, in DeviceMatrix gamma, in DeviceMatrix x) =>
        new(x.Type, y.Type, gamma.Type, RowTile.Of(x.Columns, RowsOfThread, y, gamma, x));
    /// <summary>For reports and compile tests: every type, an fp32 residual stream, and single elements.</summary>
    internal static IEnumerable<LayerScaleVariant> Variants =>
    [
        .. from type in Enum.GetValues<ElementType>() select new LayerScaleVariant(type, type, type, RowTile.Long(RowsOfThread, type)),
        new LayerScaleVariant(ElementType.Float32, ElementType.Float16, ElementType.Float32, RowTile.Long(RowsOfThread, ElementType.Float32)),
        new LayerScaleVariant(ElementType.Float16, ElementType.Float16, ElementType.Float16, RowTile.Long(RowsOfThread, null)),
    ];
}

internal readonly record struct LayerScaleVariant(ElementType X, ElementType Y, ElementType Gamma, RowTile Tile) : IKernelVariant<LayerScaleVariant>
{
    public string Source => "transformer/layer_scale.cu";

    public string Entry => "fc_layer_scale";

    public string ConfigName => "config/layer_scale.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Y", Y).Type("Gamma", Gamma);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct LayerScaleArgs
{
    public nint Y;
    public nint Gamma;
    public nint X;
    public long YStride;
    public long XStride;
    public int Rows;
    public int Columns;
}
