using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = softmax(scale·x) of every row, or its logarithm; the largest entry is subtracted first, sums are fp32.</summary>
public static class SoftmaxRows
{
    private static readonly bool[] s_forms = [false, true];

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns]; −∞ counts as masked. A row with a NaN, a +∞ or nothing but −∞ becomes NaN.</param>
    /// <param name="y">[rows, columns]; the same view as <paramref name="x"/>, or apart from it.</param>
    /// <param name="scale">Above 0.</param>
    /// <param name="logarithm">The logarithm of the probabilities instead of themselves.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix y, float scale, bool logarithm, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.SameOrDisjoint(x, y);
        if (!(scale > 0) || float.IsInfinity(scale)) throw new ArgumentOutOfRangeException(nameof(scale), scale, "The scale is a finite number above 0.");
        if (x.IsEmpty) return;

        var args = new SoftmaxRowsArgs { X = x.Pointer, Y = y.Pointer, XStride = x.RowStride, YStride = y.RowStride, Rows = x.Rows, Columns = x.Columns, Scale = scale };
        kernels.Load(Plan(x, y, logarithm)).Launch(args, new GridSize(x.Rows), SoftmaxRowsVariant.Threads, stream);
    }

    internal static SoftmaxRowsVariant Plan(in DeviceMatrix x, in DeviceMatrix y, bool logarithm) => new(x.Type, y.Type, logarithm);
    /// <summary>For reports and compile tests: both forms of every type, to fp32.</summary>
    internal static IEnumerable<SoftmaxRowsVariant> Variants =>
        from x in Enum.GetValues<ElementType>()
        from logarithm in s_forms
        select new SoftmaxRowsVariant(x, ElementType.Float32, logarithm);
}

internal readonly record struct SoftmaxRowsVariant(ElementType X, ElementType Y, bool Logarithm) : IKernelVariant<SoftmaxRowsVariant>
{
    public const int Threads = 256;

    public string Source => "transformer/softmax_rows.cu";

    public string Entry => "fc_softmax_rows";

    public string ConfigName => "config/softmax_rows.cuh";

    public int SharedBytes => Threads / 32 * sizeof(float);

    public void WriteConfig(ConfigWriter config) =>
        config.Type("X", X).Type("Y", Y).Constant("kLogarithm", Logarithm).Constant("kThreads", Threads).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct SoftmaxRowsArgs
{
    public nint X;
    public nint Y;
    public long XStride;
    public long YStride;
    public int Rows;
    public int Columns;
    public float Scale;
}
