using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Attention, and what a strategy wants written down: one query row's log-probabilities in the same pass, the values' statistics in one reading of them.</summary>
internal sealed class CudaAttention : IDisposable
{
    /// <summary>Of one pass with an export: pictures of a batch, crops, tiles.</summary>
    private const int MaxSequences = 4096;

    private readonly KernelContext _kernels;
    private readonly CudaStream _stream;
    private readonly DeviceNumbers<int> _queryOffsets, _keyOffsets, _lengths;
    private readonly DecodeMemory _decode;
    private readonly DeviceMemory _zeros;

    public CudaAttention(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream)
    {
        (_kernels, _stream) = (kernels, stream);
        _queryOffsets = new DeviceNumbers<int>(pool, staging, stream);
        _keyOffsets = new DeviceNumbers<int>(pool, staging, stream);
        _lengths = new DeviceNumbers<int>(pool, staging, stream);
        _decode = new DecodeMemory(kernels, pool, stream);
        _zeros = pool.Allocate(MaxSequences * sizeof(int), stream);
        stream.EnqueueFill(_zeros.Pointer, 0, _zeros.Bytes);
    }

    /// <summary>The offsets of key sequences on the device.</summary>
    public DeviceArray<int> KeyOffsets(Sequences keys) => Offsets(keys, _keyOffsets);

    public void Run(in AttentionArguments arguments)
    {
        var shape = new AttentionShape(arguments.Heads, arguments.KeyValueHeads, arguments.HeadSize, arguments.Scale);
        var (queries, keys) = (arguments.Queries, arguments.Keys);
        if (queries.Count != keys.Count) throw new ArgumentException($"{queries.Count} query sequences and {keys.Count} key sequences do not belong together.", nameof(arguments));
        if (arguments.Export is null && queries.Count == 1 && queries.Rows == 1)
        {
            LastRow(arguments, shape);
            return;
        }

        var value = CudaBuffer.View(arguments.Value, nameof(arguments.Value));
        var inputs = new AttentionInputs(
            CudaBuffer.View(arguments.Query, nameof(arguments.Query)), CudaBuffer.View(arguments.Key, nameof(arguments.Key)), value,
            new DeviceSequences(Offsets(queries, _queryOffsets), Longest(queries)), new DeviceSequences(KeyOffsets(keys), Longest(keys)), arguments.Causal);
        ExportedRows? rows = arguments.Export is { } export ? RowsOf(export, queries.Count) : null;
        Attention.Launch(_kernels, inputs, CudaBuffer.View(arguments.Output, nameof(arguments.Output)), shape, rows, _stream);
        if (arguments.Export is not null) ExportValues(arguments.Export, value, arguments.KeyValueHeads, keys, null);
    }

    /// <summary>The same for every token of a sequence: what differs is read from the step.</summary>
    public void Decode(in DecodeArguments arguments)
    {
        var shape = new AttentionShape(arguments.Heads, arguments.KeyValueHeads, arguments.HeadSize, arguments.Scale);
        var step = CudaDecodeStep.Of(arguments.Step);
        var query = CudaBuffer.View(arguments.Query, nameof(arguments.Query));
        var capacity = arguments.KeyCache.Rows;
        var inputs = new DecodeInputs(
            query, CudaBuffer.View(arguments.KeyCache, nameof(arguments.KeyCache)), CudaBuffer.View(arguments.ValueCache, nameof(arguments.ValueCache)),
            step.FirstRow, step.Length, capacity);
        DecodeAttention.Launch(_kernels, inputs, CudaBuffer.View(arguments.Output, nameof(arguments.Output)), shape, step.Workspace(query.Type, shape, capacity), _stream);
    }

    /// <summary>What an export writes down, for a query and a value that are given.</summary>
    public void Row(in AttentionRowArguments arguments)
    {
        var (keys, export) = (arguments.Keys, arguments.Export);
        var shape = new AttentionShape(arguments.Heads, arguments.KeyValueHeads, arguments.HeadSize, arguments.Scale);
        AttentionRow.Launch(
            _kernels, CudaBuffer.View(arguments.Query, nameof(arguments.Query)), CudaBuffer.View(arguments.Key, nameof(arguments.Key)),
            new DeviceSequences(KeyOffsets(keys), Longest(keys)), CudaBuffer.View(export.LogProbabilities, nameof(export.LogProbabilities)), shape, _stream);
        ExportValues(export, CudaBuffer.View(arguments.Value, nameof(arguments.Value)), arguments.KeyValueHeads, keys, CudaBuffer.View(arguments.GlobalValue, nameof(arguments.GlobalValue)));
    }

    public void Mean(Tensor x, Sequences sequences, Tensor mean) => SequenceMean.Launch(
        _kernels, CudaBuffer.View(x, nameof(x)), new DeviceSequences(KeyOffsets(sequences), Longest(sequences)), CudaBuffer.View(mean, nameof(mean)), _stream);

    public void Dispose()
    {
        _decode.Dispose();
        _queryOffsets.Dispose();
        _keyOffsets.Dispose();
        _zeros.Dispose();
        _lengths.Dispose();
    }

    private ExportedRows RowsOf(AttentionExport export, int sequences)
    {
        if (sequences > MaxSequences) throw new ArgumentException($"{sequences} sequences are too many for one pass with an export; {MaxSequences} are possible.", nameof(export));
        return new ExportedRows(_zeros.Array<int>(sequences), 1, CudaBuffer.View(export.LogProbabilities, nameof(export.LogProbabilities)));
    }

    // the global value is that of each sequence's query; null: of its first row
    private void ExportValues(AttentionExport export, DeviceMatrix value, int heads, Sequences keys, DeviceMatrix? global)
    {
        ValueStatistics.Launch(
            _kernels,
            new ValueStatisticsArguments
            {
                Values = value,
                Heads = heads,
                Offsets = KeyOffsets(keys),
                Means = global,
                Products = CudaBuffer.View(export.ValueProducts, nameof(export.ValueProducts)),
                Density = CudaBuffer.Row(export.ValueDensity, nameof(export.ValueDensity)),
                SquaredNorms = CudaBuffer.Row(export.ValueSquaredNorms, nameof(export.ValueSquaredNorms)),
                GlobalSquaredNorms = export.GlobalSquaredNorms is { } norms ? CudaBuffer.Row(norms, nameof(export.GlobalSquaredNorms)) : default,
            },
            _stream);
    }

    /// <summary>One query row: no tile of a matrix, but a row over many keys, as in decoding.</summary>
    private void LastRow(in AttentionArguments arguments, AttentionShape shape)
    {
        var query = CudaBuffer.View(arguments.Query, nameof(arguments.Query));
        var length = arguments.Keys.Rows;
        var inputs = new DecodeInputs(
            query, CudaBuffer.View(arguments.Key, nameof(arguments.Key)), CudaBuffer.View(arguments.Value, nameof(arguments.Value)),
            _zeros.Array<int>(1), _lengths.Of([length]), length);
        DecodeAttention.Launch(_kernels, inputs, CudaBuffer.View(arguments.Output, nameof(arguments.Output)), shape, _decode.Workspace(query.Type, shape, length), _stream);
    }

    private static DeviceArray<int> Offsets(Sequences sequences, DeviceNumbers<int> numbers) =>
        sequences.OnDevice is { } view ? CudaIndexBuffer.View(view, nameof(sequences)) : numbers.Of(sequences.Offsets);

    private static int Longest(Sequences sequences)
    {
        var longest = 0;
        for (var i = 0; i < sequences.Count; i++) longest = Math.Max(longest, sequences.Length(i));
        return longest;
    }
}
