using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Attention, and what a strategy wants written down: one query row's log-probabilities in the same pass, the values' statistics in one reading of them.</summary>
internal sealed class CudaAttention : IDisposable
{
    private readonly KernelContext _kernels;
    private readonly DeviceMemoryPool _pool;
    private readonly CudaStream _stream;
    private readonly DeviceNumbers<int> _queryOffsets, _keyOffsets, _exportRows, _firstRows, _lengths;
    private DeviceMemory? _partial, _arrivals;

    public CudaAttention(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream)
    {
        (_kernels, _pool, _stream) = (kernels, pool, stream);
        _queryOffsets = new DeviceNumbers<int>(pool, staging, stream);
        _keyOffsets = new DeviceNumbers<int>(pool, staging, stream);
        _exportRows = new DeviceNumbers<int>(pool, staging, stream);
        _firstRows = new DeviceNumbers<int>(pool, staging, stream);
        _lengths = new DeviceNumbers<int>(pool, staging, stream);
    }

    /// <summary>The offsets of key sequences on the device.</summary>
    public DeviceArray<int> KeyOffsets(Sequences keys) => _keyOffsets.Of(keys.Offsets);

    public void Run(in AttentionArguments arguments)
    {
        var shape = new AttentionShape(arguments.Heads, arguments.KeyValueHeads, arguments.HeadSize, arguments.Scale);
        var (queries, keys) = (arguments.Queries, arguments.Keys);
        if (queries.Count != keys.Count) throw new ArgumentException($"{queries.Count} query sequences and {keys.Count} key sequences do not belong together.", nameof(arguments));
        if (arguments.Export is null && queries.Count == 1 && queries.Rows == 1)
        {
            Decode(arguments, shape);
            return;
        }

        var value = CudaBuffer.View(arguments.Value, nameof(arguments.Value));
        var inputs = new AttentionInputs(
            CudaBuffer.View(arguments.Query, nameof(arguments.Query)), CudaBuffer.View(arguments.Key, nameof(arguments.Key)), value,
            new DeviceSequences(_queryOffsets.Of(queries.Offsets), Longest(queries)), new DeviceSequences(KeyOffsets(keys), Longest(keys)), arguments.Causal);
        ExportedRows? rows = arguments.Export is { } export ? RowsOf(export, queries.Count) : null;
        Attention.Launch(_kernels, inputs, CudaBuffer.View(arguments.Output, nameof(arguments.Output)), shape, rows, _stream);
        if (arguments.Export is not null) ExportValues(arguments.Export, value, arguments.KeyValueHeads, keys);
    }

    public void Dispose()
    {
        _partial?.Dispose();
        _arrivals?.Dispose();
        _queryOffsets.Dispose();
        _keyOffsets.Dispose();
        _exportRows.Dispose();
        _firstRows.Dispose();
        _lengths.Dispose();
    }

    private ExportedRows RowsOf(AttentionExport export, int sequences)
    {
        Span<int> rows = sequences <= 64 ? stackalloc int[sequences] : new int[sequences];
        rows.Fill(export.Row);
        return new ExportedRows(_exportRows.Of(rows), 1, CudaBuffer.View(export.LogProbabilities, nameof(export.LogProbabilities)));
    }

    private void ExportValues(AttentionExport export, DeviceMatrix value, int heads, Sequences keys)
    {
        // the kernel takes the first row of each sequence; no strategy has asked for the values of another one
        if (export.Row != 0) throw new ArgumentOutOfRangeException(nameof(export), export.Row, "Value statistics are relative to the first row of a sequence.");
        ValueStatistics.Launch(
            _kernels,
            new ValueStatisticsArguments
            {
                Values = value,
                Heads = heads,
                Offsets = KeyOffsets(keys),
                Products = CudaBuffer.View(export.ValueProducts, nameof(export.ValueProducts)),
                Density = CudaBuffer.Row(export.ValueDensity, nameof(export.ValueDensity)),
                SquaredNorms = CudaBuffer.Row(export.ValueSquaredNorms, nameof(export.ValueSquaredNorms)),
            },
            _stream);
    }

    private void Decode(in AttentionArguments arguments, AttentionShape shape)
    {
        var query = CudaBuffer.View(arguments.Query, nameof(arguments.Query));
        var length = arguments.Keys.Rows;
        var inputs = new DecodeInputs(
            query, CudaBuffer.View(arguments.Key, nameof(arguments.Key)), CudaBuffer.View(arguments.Value, nameof(arguments.Value)),
            _firstRows.Of([0]), _lengths.Of([length]), length);
        DecodeAttention.Launch(_kernels, inputs, CudaBuffer.View(arguments.Output, nameof(arguments.Output)), shape, Workspace(query.Type, shape, length), _stream);
    }

    private DecodeWorkspace Workspace(ElementType type, AttentionShape shape, int length)
    {
        var partial = DecodeAttention.PartialLength(_kernels.Device, type, shape, 1, length);
        if (_partial is null || _partial.Bytes < (long)partial * sizeof(float))
        {
            _partial?.Dispose();
            _partial = _pool.Allocate((long)partial * sizeof(float), _stream);
        }

        if (_arrivals is null || _arrivals.Bytes < (long)shape.Heads * sizeof(int))
        {
            _arrivals?.Dispose();
            _arrivals = _pool.Allocate((long)shape.Heads * sizeof(int), _stream);
            _stream.EnqueueFill(_arrivals.Pointer, 0, _arrivals.Bytes);
        }

        return new DecodeWorkspace(_partial.Array<float>(partial), _arrivals.Array<int>(shape.Heads));
    }

    private static int Longest(Sequences sequences)
    {
        var longest = 0;
        for (var i = 0; i < sequences.Count; i++) longest = Math.Max(longest, sequences.Length(i));
        return longest;
    }
}
