using System.Runtime.InteropServices;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// output = softmax(query·keyᵀ·scale)·value for each sequence and head, without a matrix of rows × keys in memory (Dao et al.,
/// FlashAttention, arXiv 2205.14135), and in the same pass the logarithms of the probabilities of chosen rows. 16-bit elements
/// use tensor cores; sums are fp32.
/// </summary>
/// <remarks>
/// A row that sees no key is 0. A NaN or +∞ among a row's scores makes the row NaN. A NaN or infinity among the values reaches
/// every row of a block of rows that covers its key, seen or not. Two runs give the same bits.
/// </remarks>
public static class Attention
{
    /// <summary>Enqueues one pass. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="inputs">What is read.</param>
    /// <param name="output">[query rows, heads·head size], of the query's type, apart from everything else.</param>
    /// <param name="shape">Heads and scale.</param>
    /// <param name="export">Rows to write down, or null.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, in AttentionInputs inputs, DeviceMatrix output, AttentionShape shape, ExportedRows? export, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Check(inputs, output, shape, export);
        if (inputs.Query.IsEmpty || inputs.Queries.Count == 0 || inputs.Queries.MaxRows == 0) return;

        var variant = Plan(inputs, output, shape, kernels.Device);
        var args = new AttentionArgs
        {
            Query = inputs.Query.Pointer,
            Key = inputs.Key.Pointer,
            Value = inputs.Value.Pointer,
            Output = output.Pointer,
            QueryOffsets = inputs.Queries.Offsets.Pointer,
            KeyOffsets = inputs.Keys.Offsets.Pointer,
            ExportRows = export?.Rows.Pointer ?? 0,
            LogProbabilities = export?.LogProbabilities.Pointer ?? 0,
            QueryStride = inputs.Query.RowStride,
            KeyStride = inputs.Key.RowStride,
            ValueStride = inputs.Value.RowStride,
            OutputStride = output.RowStride,
            ExportStride = export?.LogProbabilities.RowStride ?? 0,
            Heads = shape.Heads,
            KeyValueHeads = shape.KeyValueHeads,
            Causal = inputs.Causal ? 1 : 0,
            ExportSlots = export?.Slots ?? 0,
            Scale = shape.Scale,
        };
        var grid = new GridSize(GridSize.Blocks(inputs.Queries.MaxRows, variant.Rows), shape.Heads, inputs.Queries.Count);
        kernels.Load(variant).Launch(args, grid, variant.Threads, stream);
    }

    /// <summary>What a launch compiles.</summary>
    internal static AttentionVariant Plan(in AttentionInputs inputs, in DeviceMatrix output, AttentionShape shape, DeviceInfo device)
    {
        var vector = shape.HeadSize % 8 == 0 && inputs.Query.IsAligned(16) && inputs.Key.IsAligned(16) && inputs.Value.IsAligned(16) && output.IsAligned(16);
        return AttentionVariant.Plan(inputs.Query.Type, shape.HeadSize, vector, inputs.Queries.MaxRows, shape.Heads, inputs.Queries.Count, device);
    }

    internal static IEnumerable<AttentionVariant> Variants => AttentionVariant.All();

    private static void Check(in AttentionInputs inputs, in DeviceMatrix output, AttentionShape shape, in ExportedRows? export)
    {
        shape.Check();
        inputs.Queries.Check("queries");
        inputs.Keys.Check("keys");
        if (inputs.Queries.Count != inputs.Keys.Count)
            throw new ArgumentException($"There are {inputs.Queries.Count} sequences of queries and {inputs.Keys.Count} of keys.", nameof(inputs));
        var (query, key, value) = (inputs.Query, inputs.Key, inputs.Value);
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
        if (export is { } rows) CheckExport(rows, inputs, output, shape);
    }

    private static void CheckExport(in ExportedRows export, in AttentionInputs inputs, in DeviceMatrix output, AttentionShape shape)
    {
        if (export.Slots is < 1 or > ExportedRows.MaxSlots)
            throw new ArgumentOutOfRangeException(nameof(export), export.Slots, $"A sequence exports 1 to {ExportedRows.MaxSlots} rows.");
        Require.Length(export.Rows, Require.Product(inputs.Queries.Count, export.Slots, nameof(export)));
        var logProbabilities = export.LogProbabilities;
        Require.Valid(logProbabilities);
        Require.Type(logProbabilities, ElementType.Float32);
        if (logProbabilities.Rows != export.Slots * shape.Heads || logProbabilities.Columns < inputs.Key.Rows)
            throw new ArgumentException($"The log-probabilities are {logProbabilities.Rows}×{logProbabilities.Columns}; {export.Slots * shape.Heads}×{inputs.Key.Rows} is needed.", nameof(export));
        Require.Disjoint(output, logProbabilities);
        Require.Disjoint(inputs.Query, logProbabilities);
        Require.Disjoint(inputs.Key, logProbabilities);
        Require.Disjoint(inputs.Value, logProbabilities);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct AttentionArgs
{
    public nint Query;
    public nint Key;
    public nint Value;
    public nint Output;
    public nint QueryOffsets;
    public nint KeyOffsets;
    public nint ExportRows;
    public nint LogProbabilities;
    public long QueryStride;
    public long KeyStride;
    public long ValueStride;
    public long OutputStride;
    public long ExportStride;
    public int Heads;
    public int KeyValueHeads;
    public int Causal;
    public int ExportSlots;
    public float Scale;
    public int Reserved;
}
