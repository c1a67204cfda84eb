using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>The running score S = (1 − w)·S + w·I, with S = I at the first scored layer (arXiv 2505.19536).</summary>
public static class Cumulative
{
    /// <summary>Enqueues the operation; NaN and infinity pass through. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="scores">[n]: I.</param>
    /// <param name="cumulative">[n]: S, read unless <paramref name="weight"/> is null, and written; apart from <paramref name="scores"/>.</param>
    /// <param name="weight">w, 0 to 1: the weight of the new score; null at the first scored layer.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Lengths or alignments do not fit, arrays overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceArray<float> scores, DeviceArray<float> cumulative, float? weight, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(scores);
        Require.Length(cumulative, scores.Length);
        if (Require.Overlaps(scores.Pointer, scores.Bytes, cumulative.Pointer, cumulative.Bytes)) throw new ArgumentException("The two scores overlap.", nameof(cumulative));
        if (weight is { } w && w is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(weight), w, "The weight of the new score lies in [0, 1].");
        if (scores.Length == 0) return;

        var args = new CumulativeArgs { Scores = scores.Pointer, Cumulative = cumulative.Pointer, Length = scores.Length, FirstLayer = weight is null ? 1 : 0, Weight = weight ?? 1 };
        kernels.Load(default(CumulativeVariant)).Launch(args, new GridSize(GridSize.Blocks(scores.Length, CumulativeVariant.Threads)), CumulativeVariant.Threads, stream);
    }

    internal static IEnumerable<CumulativeVariant> Variants => [default];
}

internal readonly record struct CumulativeVariant : IKernelVariant<CumulativeVariant>
{
    public const int Threads = 256;

    public string Source => "pruning/cumulative.cu";

    public string Entry => "fc_cumulative";

    public string ConfigName => "config/cumulative.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Threads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct CumulativeArgs
{
    public nint Scores;
    public nint Cumulative;
    public int Length;
    public int FirstLayer;
    public float Weight;
}
