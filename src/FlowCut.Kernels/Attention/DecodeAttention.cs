using System.Runtime.InteropServices;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// output = softmax(query·keyᵀ·scale)·value for one query row of each sequence over its rows of a key/value cache. The keys are
/// split among blocks, whose results are merged in a fixed order, so two runs give the same bits. Sums are fp32.
/// </summary>
/// <remarks>A sequence without keys gives 0. A NaN or +∞ among the scores of a head makes the head NaN.</remarks>
public static class DecodeAttention
{
    /// <summary>Enqueues one step. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="inputs">What is read.</param>
    /// <param name="output">[sequences, heads·head size], of the query's type, apart from everything else.</param>
    /// <param name="shape">Heads and scale.</param>
    /// <param name="workspace">Working memory; not used by another launch at the same time.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, the workspace is too small, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, in DecodeInputs inputs, DeviceMatrix output, AttentionShape shape, DecodeWorkspace workspace, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Check(inputs, output, shape);
        if (inputs.Query.IsEmpty) return;

        var variant = Plan(inputs, shape);
        var sequences = inputs.Query.Rows;
        var splits = variant.Splits(shape.Heads, sequences, inputs.MaxLength, kernels.Device);
        Require.Length(workspace.Partial, PartialLength(kernels.Device, inputs.Query.Type, shape, sequences, inputs.MaxLength), "workspace.Partial");
        Require.Length(workspace.Arrivals, Require.Product(sequences, shape.Heads, "workspace.Arrivals"), "workspace.Arrivals");
        var partials = (long)sequences * shape.Heads * splits;
        var args = new DecodeAttentionArgs
        {
            Query = inputs.Query.Pointer,
            KeyCache = inputs.KeyCache.Pointer,
            ValueCache = inputs.ValueCache.Pointer,
            Output = output.Pointer,
            FirstRows = inputs.FirstRows.Pointer,
            Lengths = inputs.Lengths.Pointer,
            Partial = workspace.Partial.Pointer,
            Statistics = workspace.Partial.Pointer + (nint)(partials * shape.HeadSize * sizeof(float)),
            Arrivals = workspace.Arrivals.Pointer,
            QueryStride = inputs.Query.RowStride,
            KeyStride = inputs.KeyCache.RowStride,
            ValueStride = inputs.ValueCache.RowStride,
            OutputStride = output.RowStride,
            Heads = shape.Heads,
            KeyValueHeads = shape.KeyValueHeads,
            Scale = shape.Scale,
        };
        kernels.Load(variant).Launch(args, new GridSize(splits, shape.Heads / variant.Group, sequences), DecodeVariant.Threads, stream);
    }

    /// <summary>How many values of <see cref="DecodeWorkspace.Partial"/> a launch needs: more for longer sequences up to a point, and more for more of them.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="type">Of the query.</param>
    /// <param name="shape">Heads.</param>
    /// <param name="sequences">Rows of the query.</param>
    /// <param name="maxLength">No sequence has more keys.</param>
    /// <exception cref="ArgumentException">The shape is not possible, a number is negative, or the length exceeds an int.</exception>
    public static int PartialLength(DeviceInfo device, ElementType type, AttentionShape shape, int sequences, int maxLength)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(sequences);
        ArgumentOutOfRangeException.ThrowIfNegative(maxLength);
        shape.Check();
        var splits = new DecodeVariant(type, shape.HeadSize, DecodeVariant.GroupOf(shape), true).Splits(shape.Heads, sequences, maxLength, device);
        return Require.Product(Require.Product(sequences, shape.Heads, nameof(sequences)), splits * (shape.HeadSize + 2), nameof(maxLength));
    }

    /// <summary>What a launch compiles.</summary>
    internal static DecodeVariant Plan(in DecodeInputs inputs, AttentionShape shape)
    {
        var type = inputs.Query.Type;
        var vector = inputs.KeyCache.IsAligned(16) && inputs.ValueCache.IsAligned(16) && shape.HeadSize * type.Bytes() % 16 == 0;
        return new DecodeVariant(type, shape.HeadSize, DecodeVariant.GroupOf(shape), vector);
    }

    internal static IEnumerable<DecodeVariant> Variants => DecodeVariant.All();

    private static void Check(in DecodeInputs inputs, in DeviceMatrix output, AttentionShape shape)
    {
        shape.Check();
        var (query, key, value) = (inputs.Query, inputs.KeyCache, inputs.ValueCache);
        Require.Shape(query, query.Rows, shape.QueryColumns);
        Require.Shape(key, key.Rows, shape.KeyValueColumns);
        Require.Shape(value, key.Rows, shape.KeyValueColumns);
        Require.Shape(output, query.Rows, shape.QueryColumns);
        Require.Type(key, query.Type);
        Require.Type(value, query.Type);
        Require.Type(output, query.Type);
        Require.Disjoint(query, output);
        Require.Disjoint(key, output);
        Require.Disjoint(value, output);
        Require.Length(inputs.FirstRows, query.Rows, "first rows");
        Require.Length(inputs.Lengths, query.Rows, "lengths");
        ArgumentOutOfRangeException.ThrowIfNegative(inputs.MaxLength, nameof(inputs.MaxLength));
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct DecodeAttentionArgs
{
    public nint Query;
    public nint KeyCache;
    public nint ValueCache;
    public nint Output;
    public nint FirstRows;
    public nint Lengths;
    public nint Partial;
    public nint Statistics;
    public nint Arrivals;
    public long QueryStride;
    public long KeyStride;
    public long ValueStride;
    public long OutputStride;
    public int Heads;
    public int KeyValueHeads;
    public float Scale;
    public int Reserved;
}
