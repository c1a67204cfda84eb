using FlowCut.Interop;

namespace FlowCut.Kernels.Matmul;

/// <summary>y = x·Wᵀ + bias + residual, by cuBLASLt.</summary>
/// <remarks>
/// The first product of a size asks the library for its proposals, measures the best of them on the caller's stream and keeps
/// the choice for later processes; it waits for the device while it does so. Sizes are measured in steps of rows, so that sizes
/// that follow the picture do not each pay for it. During a capture nothing is measured. The first product on a stream that
/// needs working memory allocates it. Later products allocate nothing, wait for nothing and can be captured.
/// Sums of 16-bit products are 32-bit throughout, also where the depth is split; 32-bit products are not rounded to TF32.
/// </remarks>
public static class Linear
{
    /// <summary>Enqueues the product.</summary>
    /// <param name="kernels">Where choices and working memory are kept.</param>
    /// <param name="x">[rows, depth].</param>
    /// <param name="weight">[columns, depth], of the same type as <paramref name="x"/>.</param>
    /// <param name="bias">[1, columns], of the type of <paramref name="y"/>; null for none.</param>
    /// <param name="residual">[rows, columns], of the type of <paramref name="y"/>; may be the same view as <paramref name="y"/>; null for none.</param>
    /// <param name="y">[rows, columns], of the type of <paramref name="x"/> or Float32; overlaps neither <paramref name="x"/> nor <paramref name="weight"/>.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="CudaNotAvailableException">cuBLASLt is not there.</exception>
    /// <exception cref="NativeCudaException">A native call fails; cuBLASLt has no algorithm for the product.</exception>
    /// <exception cref="InvalidOperationException">Working memory for the stream is missing and it is capturing.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix weight, DeviceMatrix? bias, DeviceMatrix? residual, DeviceMatrix y, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Check(x, weight, bias, residual, y);
        if (stream.Context.Handle != kernels.Context.Handle) throw new ArgumentException("The stream belongs to another context than the kernels.", nameof(stream));
        if (y.IsEmpty || KernelSet.IsRehearsing) return;
        kernels.Products.Launch(x, weight, bias, residual, y, stream);
    }

    private static void Check(in DeviceMatrix x, in DeviceMatrix weight, in DeviceMatrix? bias, in DeviceMatrix? residual, in DeviceMatrix y)
    {
        Require.Valid(x);
        if (x.Columns == 0) throw new ArgumentException("A product needs a depth of 1 or more.", nameof(x));
        Require.Shape(weight, weight.Rows, x.Columns);
        Require.Type(weight, x.Type);
        Require.Shape(y, x.Rows, weight.Rows);
        if (y.Type != x.Type && y.Type != ElementType.Float32) throw new ArgumentException($"y holds {y.Type}; {x.Type} or Float32 is needed.", nameof(y));
        Require.Disjoint(x, y);
        Require.Disjoint(weight, y);
        if (bias is { } b)
        {
            Require.Shape(b, 1, weight.Rows, nameof(bias));
            Require.Type(b, y.Type, nameof(bias));
            Require.Disjoint(b, y, nameof(bias));
        }

        if (residual is { } r)
        {
            Require.Shape(r, x.Rows, weight.Rows, nameof(residual));
            Require.Type(r, y.Type, nameof(residual));
            Require.SameOrDisjoint(r, y, nameof(residual));
        }
    }
}
