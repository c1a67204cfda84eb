using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// The mean over the rows of each sequence: the global query and value of encoders without a CLS token. Sums are fp32 and
/// always added in the same order.
/// </summary>
public static class SequenceMean
{
    /// <summary>Enqueues it. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="sequences">Sequences of the rows.</param>
    /// <param name="mean">[sequences, columns] fp32; 0 for a sequence without rows.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceSequences sequences, DeviceMatrix mean, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        sequences.Check(nameof(sequences));
        Require.Valid(x);
        Require.Shape(mean, sequences.Count, x.Columns);
        Require.Type(mean, ElementType.Float32);
        Require.Disjoint(x, mean);
        if (mean.IsEmpty) return;

        var args = new SequenceMeanArgs
        {
            X = x.Pointer,
            Offsets = sequences.Offsets.Pointer,
            Mean = mean.Pointer,
            XStride = x.RowStride,
            MeanStride = mean.RowStride,
            Columns = x.Columns,
        };
        kernels.Load(Plan(x)).Launch(args, new GridSize(GridSize.Blocks(x.Columns, 32), sequences.Count), SequenceMeanVariant.Threads, stream);
    }

    /// <summary>What a launch compiles.</summary>
    internal static SequenceMeanVariant Plan(in DeviceMatrix x) => new(x.Type);

    internal static IEnumerable<SequenceMeanVariant> Variants => from type in Enum.GetValues<ElementType>() select new SequenceMeanVariant(type);
}

internal readonly record struct SequenceMeanVariant(ElementType X) : IKernelVariant<SequenceMeanVariant>
{
    public const int Threads = 512;

    public string Source => "attention/sequence_mean.cu";

    public string Entry => "fc_sequence_mean";

    public string ConfigName => "config/sequence_mean.cuh";

    public int SharedBytes => Threads * sizeof(float);

    public void WriteConfig(ConfigWriter config) => config.Type("Elem", X).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct SequenceMeanArgs
{
    public nint X;
    public nint Offsets;
    public nint Mean;
    public long XStride;
    public long MeanStride;
    public int Columns;
    public int Reserved;
}
