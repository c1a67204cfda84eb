using System.Runtime.InteropServices;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = x/√(mean(x²) + ε)·weight for every row (Zhang and Sennrich, arXiv 1910.07467), everything in fp32.</summary>
public static class RmsNorm
{
    /// <summary>Enqueues the norm. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns], at most 16384 columns (8192 in views that are not aligned to 16 bytes). A NaN makes its whole row NaN; an infinity becomes NaN and the finite rest 0.</param>
    /// <param name="weight">[1, columns].</param>
    /// <param name="y">[rows, columns]; the same view as <paramref name="x"/>, or apart from it.</param>
    /// <param name="epsilon">ε ≥ 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix weight, DeviceMatrix y, float epsilon, CudaStream stream)
    {
        Require.SameOrDisjoint(x, y);
        Run(kernels, x, default, weight, y, epsilon, stream);
    }

    /// <summary>Enqueues x += residual, rounded to the type of x and written back, and y = the norm of that. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="residual">[rows, columns]; apart from the others.</param>
    /// <param name="weight">[1, columns].</param>
    /// <param name="x">[rows, columns], at most 16384 columns (8192 in views that are not aligned to 16 bytes); read and written.</param>
    /// <param name="y">[rows, columns]; apart from the others.</param>
    /// <param name="epsilon">ε ≥ 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void LaunchWithResidual(KernelContext kernels, DeviceMatrix residual, DeviceMatrix weight, DeviceMatrix x, DeviceMatrix y, float epsilon, CudaStream stream)
    {
        Require.Shape(residual, x.Rows, x.Columns);
        Require.Disjoint(residual, x);
        Require.Disjoint(residual, y);
        Require.Disjoint(x, y);
        Run(kernels, x, residual, weight, y, epsilon, stream);
    }

    /// <summary>What a launch compiles; without a residual that view is empty.</summary>
    internal static NormVariant Plan(in DeviceMatrix x, in DeviceMatrix residual, in DeviceMatrix weight, in DeviceMatrix y) =>
        NormVariant.Plan("rms_norm", x, residual, weight, default, y);

    internal static IEnumerable<NormVariant> Variants => NormVariant.All("rms_norm");

    private static void Run(KernelContext kernels, in DeviceMatrix x, in DeviceMatrix residual, in DeviceMatrix weight, in DeviceMatrix y, float epsilon, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.Shape(weight, 1, x.Columns);
        Require.Disjoint(weight, y);
        Require.Epsilon(epsilon);
        var variant = Plan(x, residual, weight, y);
        if (x.IsEmpty) return;

        var args = new RmsNormArgs
        {
            X = x.Pointer,
            Residual = residual.Pointer,
            Weight = weight.Pointer,
            Y = y.Pointer,
            XStride = x.RowStride,
            ResidualStride = residual.RowStride,
            YStride = y.RowStride,
            Rows = x.Rows,
            Columns = x.Columns,
            Epsilon = epsilon,
        };
        kernels.Load(variant).Launch(args, variant.Block.Grid(x.Rows), variant.Block.Threads, stream);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct RmsNormArgs
{
    public nint X;
    public nint Residual;
    public nint Weight;
    public nint Y;
    public long XStride;
    public long ResidualStride;
    public long YStride;
    public int Rows;
    public int Columns;
    public float Epsilon;
}
