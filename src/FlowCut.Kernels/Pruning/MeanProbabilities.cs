using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>sums[j] += weight · mean over heads of e^x[head, j]: head means of attention, of one query row or several.</summary>
public static class MeanProbabilities
{
    /// <summary>Enqueues the sum, fp32, heads in their order. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="logProbabilities">[heads, n], Float32, at least one head: x. NaN and infinity as the formula; −infinity adds 0.</param>
    /// <param name="sums">[n]: added to; apart from <paramref name="logProbabilities"/>.</param>
    /// <param name="weight">Of the mean.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix logProbabilities, DeviceArray<float> sums, float weight, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(logProbabilities);
        Require.Type(logProbabilities, ElementType.Float32);
        ArgumentOutOfRangeException.ThrowIfLessThan(logProbabilities.Rows, 1, nameof(logProbabilities));
        Require.Length(sums, logProbabilities.Columns);
        if (Require.Overlaps(logProbabilities.Pointer, logProbabilities.Bytes, sums.Pointer, sums.Bytes))
            throw new ArgumentException("The sums overlap what is added to them.", nameof(sums));
        if (logProbabilities.Columns == 0) return;

        var args = new MeanProbabilitiesArgs
        {
            X = logProbabilities.Pointer,
            Sums = sums.Pointer,
            XStride = logProbabilities.RowStride,
            Heads = logProbabilities.Rows,
            Columns = logProbabilities.Columns,
            Weight = weight,
        };
        kernels.Load(default(MeanProbabilitiesVariant)).Launch(args, new GridSize(GridSize.Blocks(args.Columns, MeanProbabilitiesVariant.Threads)), MeanProbabilitiesVariant.Threads, stream);
    }

    internal static IEnumerable<MeanProbabilitiesVariant> Variants => [default];
}

internal readonly record struct MeanProbabilitiesVariant : IKernelVariant<MeanProbabilitiesVariant>
{
    /// <summary>Few, so that a picture's columns spread over more multiprocessors.</summary>
    public const int Threads = 64;

    public string Source => "pruning/mean_probabilities.cu";

    public string Entry => "fc_mean_probabilities";

    public string ConfigName => "config/mean_probabilities.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Threads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct MeanProbabilitiesArgs
{
    public nint X;
    public nint Sums;
    public long XStride;
    public int Heads;
    public int Columns;
    public float Weight;
    public int Reserved;
}
