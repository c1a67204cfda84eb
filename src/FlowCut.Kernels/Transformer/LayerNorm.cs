using System.Runtime.InteropServices;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = (x − mean)/√(variance + ε)·weight + bias for every row; the variance is the mean of squared differences (Ba et al., arXiv 1607.06450), sums in fp32.</summary>
public static class LayerNorm
{
    /// <summary>Enqueues the norm. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns], at most 16384 columns (8192 in views that are not aligned to 16 bytes). A NaN or an infinity makes its whole row NaN.</param>
    /// <param name="weight">[1, columns].</param>
    /// <param name="bias">[1, columns] of the type of <paramref name="weight"/>.</param>
    /// <param name="y">[rows, columns]; the same view as <paramref name="x"/>, or apart from it.</param>
    /// <param name="epsilon">ε ≥ 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix weight, DeviceMatrix bias, DeviceMatrix y, float epsilon, CudaStream stream)
    {
        Require.SameOrDisjoint(x, y);
        Run(kernels, x, default, weight, bias, y, epsilon, stream);
    }

    /// <summary>Enqueues x += residual, rounded to the type of x and written back, and y = the norm of that. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="residual">[rows, columns]; apart from the others.</param>
    /// <param name="weight">[1, columns].</param>
    /// <param name="bias">[1, columns] of the type of <paramref name="weight"/>.</param>
    /// <param name="x">[rows, columns], at most 16384 columns (8192 in views that are not aligned to 16 bytes); read and written.</param>
    /// <param name="y">[rows, columns]; apart from the others.</param>
    /// <param name="epsilon">ε ≥ 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void LaunchWithResidual(KernelContext kernels, DeviceMatrix residual, DeviceMatrix weight, DeviceMatrix bias, DeviceMatrix x, DeviceMatrix y, float epsilon, CudaStream stream)
    {
        Require.Shape(residual, x.Rows, x.Columns);
        Require.Disjoint(residual, x);
        Require.Disjoint(residual, y);
        Require.Disjoint(x, y);
        Run(kernels, x, residual, weight, bias, y, epsilon, stream);
    }

    /// <summary>What a launch compiles; without a residual that view is empty.</summary>
    internal static NormVariant Plan(in DeviceMatrix x, in DeviceMatrix residual, in DeviceMatrix weight, in DeviceMatrix bias, in DeviceMatrix y) =>
        NormVariant.Plan("layer_norm", x, residual, weight, bias, y);

    internal static IEnumerable<NormVariant> Variants => NormVariant.All("layer_norm");

    private static void Run(KernelContext kernels, in DeviceMatrix x, in DeviceMatrix residual, in DeviceMatrix weight, in DeviceMatrix bias, in DeviceMatrix y, float epsilon, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.Shape(weight, 1, x.Columns);
        Require.Shape(bias, 1, x.Columns);
        Require.Type(bias, weight.Type);
        Require.Disjoint(weight, y);
        Require.Disjoint(bias, y);
        Require.Epsilon(epsilon);
        var variant = Plan(x, residual, weight, bias, y);
        if (x.IsEmpty) return;

        var args = new LayerNormArgs
        {
            X = x.Pointer,
            Residual = residual.Pointer,
            Weight = weight.Pointer,
            Bias = bias.Pointer,
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
internal struct LayerNormArgs
{
    public nint X;
    public nint Residual;
    public nint Weight;
    public nint Bias;
    public nint Y;
    public long XStride;
    public long ResidualStride;
    public long YStride;
    public int Rows;
    public int Columns;
    public float Epsilon;
}
