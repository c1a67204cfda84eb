using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>How evenly every row of weights is spread: h = −Σ p·log p/log N with p = weight/Σ weights and 0·log 0 = 0; 1 for an even row, 0 for a single peak (arXiv 2505.19536).</summary>
public static class Entropy
{
    /// <summary>Enqueues the operation, one block per row. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="weights">[rows, N], Float32, none below 0, not necessarily normalised; a NaN makes h NaN.</param>
    /// <param name="ratios">[rows]: h; 0 where N ≤ 1 or a row sums to 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix weights, DeviceArray<float> ratios, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(weights);
        Require.Type(weights, ElementType.Float32);
        Require.Length(ratios, weights.Rows);
        if (weights.Rows == 0) return;

        var args = new EntropyArgs { Weights = weights.Pointer, Ratios = ratios.Pointer, WeightStride = weights.RowStride, Rows = weights.Rows, Columns = weights.Columns };
        kernels.Load(default(EntropyVariant)).Launch(args, new GridSize(weights.Rows), EntropyVariant.Threads, stream);
    }

    internal static IEnumerable<EntropyVariant> Variants => [default];
}

internal readonly record struct EntropyVariant : IKernelVariant<EntropyVariant>
{
    public const int Threads = 256;

    public string Source => "pruning/entropy.cu";

    public string Entry => "fc_entropy";

    public string ConfigName => "config/entropy.cuh";

    public int SharedBytes => Threads / 32 * sizeof(float);

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Threads).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct EntropyArgs
{
    public nint Weights;
    public nint Ratios;
    public long WeightStride;
    public int Rows;
    public int Columns;
}
