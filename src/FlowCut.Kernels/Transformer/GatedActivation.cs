using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = f(gate)·up, element by element: SwiGLU's middle with SiLU (Shazeer, arXiv 2002.05202), GEGLU's with a GELU.</summary>
public static class GatedActivation
{
    private const int RowsOfThread = 2;
    private static readonly ActivationKind[] s_gelus = [ActivationKind.Gelu, ActivationKind.GeluTanh];

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="gate">[rows, columns]; often the first half of the columns of one matrix.</param>
    /// <param name="up">[rows, columns] of the type of <paramref name="gate"/>; often the second half.</param>
    /// <param name="y">[rows, columns]; the same view as <paramref name="gate"/> or <paramref name="up"/>, or apart from them.</param>
    /// <param name="activation">f. NaN and infinity pass through as its formula says.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix y, ActivationKind activation, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(gate);
        Require.Shape(up, gate.Rows, gate.Columns);
        Require.Type(up, gate.Type);
        Require.Shape(y, gate.Rows, gate.Columns);
        Require.Activation(activation);
        // the halves of one matrix interleave: only y's rows may not lie between theirs
        Require.SameOrDisjointElements(gate, y);
        Require.SameOrDisjointElements(up, y);
        if (gate.IsEmpty) return;

        var variant = Plan(gate, up, y, activation);
        var args = new GatedActivationArgs
        {
            Gate = gate.Pointer,
            Up = up.Pointer,
            Y = y.Pointer,
            GateStride = gate.RowStride,
            UpStride = up.RowStride,
            YStride = y.RowStride,
            Rows = gate.Rows,
            Columns = gate.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(gate.Rows, gate.Columns), RowTile.Threads, stream);
    }

    internal static GatedActivationVariant Plan(in DeviceMatrix gate, in DeviceMatrix up, in DeviceMatrix y, ActivationKind activation) =>
        new(gate.Type, y.Type, activation, RowTile.Of(gate.Columns, RowsOfThread, gate, up, y));
    /// <summary>For reports and compile tests: every type with SiLU, fp16 with the others, and single elements.</summary>
    internal static IEnumerable<GatedActivationVariant> Variants =>
    [
        .. from type in Enum.GetValues<ElementType>() select new GatedActivationVariant(type, type, ActivationKind.Silu, RowTile.Long(RowsOfThread, type)),
        .. from activation in s_gelus select new GatedActivationVariant(ElementType.Float16, ElementType.Float16, activation, RowTile.Long(RowsOfThread, ElementType.Float16)),
        new GatedActivationVariant(ElementType.Float16, ElementType.Float16, ActivationKind.Silu, RowTile.Long(RowsOfThread, null)),
    ];
}

internal readonly record struct GatedActivationVariant(ElementType X, ElementType Y, ActivationKind Activation, RowTile Tile) : IKernelVariant<GatedActivationVariant>
{
    public string Source => "transformer/gated_activation.cu";

    public string Entry => "fc_gated_activation";

    public string ConfigName => "config/gated_activation.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Y", Y).Constant("kActivation", (int)Activation);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct GatedActivationArgs
{
    public nint Gate;
    public nint Up;
    public nint Y;
    public long GateStride;
    public long UpStride;
    public long YStride;
    public int Rows;
    public int Columns;
}
