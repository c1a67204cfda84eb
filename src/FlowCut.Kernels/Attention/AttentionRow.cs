using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// log softmax(query·keyᵀ·scale) of one query row for each sequence over all its keys, without values: for encoders without a
/// CLS token, whose query is the mean of the sequence's query rows (<see cref="SequenceMean"/>). Sums are fp32.
/// </summary>
public static class AttentionRow
{
    /// <summary>Enqueues it. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="query">[sequences, heads·head size] fp32.</param>
    /// <param name="key">[key rows, key/value heads·head size].</param>
    /// <param name="keys">Sequences of the key rows.</param>
    /// <param name="logProbabilities">[heads, at least key rows] fp32; columns are rows of <paramref name="key"/>. A NaN score makes a head's whole row NaN.</param>
    /// <param name="shape">Heads and scale.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix query, DeviceMatrix key, DeviceSequences keys, DeviceMatrix logProbabilities, AttentionShape shape, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        shape.Check();
        keys.Check(nameof(keys));
        Require.Shape(query, keys.Count, shape.QueryColumns);
        Require.Type(query, ElementType.Float32);
        Require.Shape(key, key.Rows, shape.KeyValueColumns);
        Require.Type(logProbabilities, ElementType.Float32);
        Require.Valid(logProbabilities);
        if (logProbabilities.Rows != shape.Heads || logProbabilities.Columns < key.Rows)
            throw new ArgumentException($"The log-probabilities are {logProbabilities.Rows}×{logProbabilities.Columns}; {shape.Heads}×{key.Rows} is needed.", nameof(logProbabilities));
        Require.Disjoint(query, logProbabilities);
        Require.Disjoint(key, logProbabilities);
        if (key.IsEmpty || keys.Count == 0) return;

        var args = new AttentionRowArgs
        {
            Query = query.Pointer,
            Key = key.Pointer,
            KeyOffsets = keys.Offsets.Pointer,
            LogProbabilities = logProbabilities.Pointer,
            QueryStride = query.RowStride,
            KeyStride = key.RowStride,
            LogProbabilityStride = logProbabilities.RowStride,
            Heads = shape.Heads,
            KeyValueHeads = shape.KeyValueHeads,
            Scale = shape.Scale,
        };
        kernels.Load(Plan(key, shape)).Launch(args, new GridSize(shape.Heads, keys.Count), AttentionRowVariant.Threads, stream);
    }

    /// <summary>What a launch compiles.</summary>
    internal static AttentionRowVariant Plan(in DeviceMatrix key, AttentionShape shape) =>
        new(key.Type, shape.HeadSize, key.IsAligned(16) && shape.HeadSize * key.Type.Bytes() % 16 == 0);

    internal static IEnumerable<AttentionRowVariant> Variants =>
        from type in Enum.GetValues<ElementType>() from size in AttentionVariant.HeadSizes from vector in AttentionVariant.Either select new AttentionRowVariant(type, size, vector);
}

internal readonly record struct AttentionRowVariant(ElementType Key, int HeadSize, bool Vector) : IKernelVariant<AttentionRowVariant>
{
    public const int Threads = 256;

    public string Source => "attention/attention_row.cu";

    public string Entry => "fc_attention_row";

    public string ConfigName => "config/attention_row.cuh";

    public int SharedBytes => Threads / 32 * sizeof(float);

    public void WriteConfig(ConfigWriter config) =>
        config.Type("Elem", Key).Constant("kHeadSize", HeadSize).Constant("kVector", Vector).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct AttentionRowArgs
{
    public nint Query;
    public nint Key;
    public nint KeyOffsets;
    public nint LogProbabilities;
    public long QueryStride;
    public long KeyStride;
    public long LogProbabilityStride;
    public int Heads;
    public int KeyValueHeads;
    public float Scale;
    public int Reserved;
}
