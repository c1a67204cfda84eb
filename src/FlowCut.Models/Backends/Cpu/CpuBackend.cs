using FlowCut.Models.Backends.Cpu.Linear;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Managed code and SIMD, no native dependency. fp32 activations; weights stay where they were mapped. Every operation
/// is done when its call returns. Results do not depend on the number of workers, bit for bit.
/// </summary>
public sealed class CpuBackend : Backend
{
    private readonly CpuThreadPool _pool;
    private readonly CpuLinear _linear;
    private readonly CpuLayerNorm _layerNorm;
    private readonly CpuRmsNorm _rmsNorm;
    private readonly CpuLayerScale _layerScale;
    private readonly CpuAttention _attention;
    private readonly CpuAttentionRow _attentionRow;
    private readonly CpuRotary _rotary;
    private readonly CpuGatedSilu _gatedSilu;
    private readonly CpuFlowScore _flowScore;
    private readonly CpuSelect _select = new();
    private readonly CpuMeanProbabilities _meanProbabilities;
    private readonly CpuPairwise _pairwise;
    private readonly CpuMixRows _mixRows;
    private readonly CpuFarthestPoints _farthestPoints;
    private readonly CpuGreedyDeterminant _greedyDeterminant;
    private readonly CpuIndexBuffer _stepPosition = new(1);
    private readonly List<DeviceBuffer> _vectors = [];
    private bool _disposed;

    /// <summary>One worker for each logical processor.</summary>
    public CpuBackend()
        : this(Environment.ProcessorCount) { }

    /// <param name="workers">Threads that compute, the calling one included.</param>
    public CpuBackend(int workers)
        : this(workers, LaneWidth.Widest) { }

    /// <param name="workers">Threads that compute, the calling one included.</param>
    /// <param name="lanes">Register width to compute with: 16, 8 or 4 single-precision numbers.</param>
    internal CpuBackend(int workers, int lanes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _pool = new CpuThreadPool(workers);
        _linear = new CpuLinear(_pool, lanes);
        _layerNorm = new CpuLayerNorm(_pool, lanes);
        _rmsNorm = new CpuRmsNorm(_pool, lanes);
        _layerScale = new CpuLayerScale(_pool, lanes);
        _attention = new CpuAttention(_pool, lanes);
        _attentionRow = new CpuAttentionRow(_pool, lanes);
        _rotary = new CpuRotary(_pool, lanes);
        _gatedSilu = new CpuGatedSilu(_pool, lanes);
        _flowScore = new CpuFlowScore(_pool, lanes);
        _meanProbabilities = new CpuMeanProbabilities(_pool);
        _pairwise = new CpuPairwise(_pool, lanes);
        _mixRows = new CpuMixRows(_pool, lanes);
        _farthestPoints = new CpuFarthestPoints(_pool, lanes);
        _greedyDeterminant = new CpuGreedyDeterminant(_pool, lanes);
    }

    public override string Name => "cpu";

    public override StoredType ActivationType => StoredType.Float32;

    /// <summary>Threads that compute, the calling one included.</summary>
    public int Workers => _pool.Workers;

    public override DeviceBuffer Allocate(long length, Precision precision)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new CpuBuffer(length);
    }

    public override IndexBuffer AllocateIndices(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        return new CpuIndexBuffer(capacity);
    }

    public override HostValues AllocateHostValues(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new CpuHostValues(count);
    }

    public override void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        CheckLength(source.Length, (long)destination.Rows * destination.Columns, nameof(source));
        CpuRows.Upload(source, CpuView.Of(destination, nameof(destination)));
    }

    public override void Download(Tensor source, Span<float> destination)
    {
        CheckLength(destination.Length, (long)source.Rows * source.Columns, nameof(destination));
        CpuRows.Download(CpuView.Of(source, nameof(source)), destination);
    }

    public override void Upload(ReadOnlySpan<int> source, IndexBuffer destination, int start = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        CheckRoom((long)start + source.Length, destination.Capacity, nameof(destination));
        source.CopyTo(Indices(destination, nameof(destination)).AsSpan(start));
    }

    public override void Download(IndexBuffer source, Span<int> destination)
    {
        CheckRoom(destination.Length, source.Capacity, nameof(source));
        Indices(source, nameof(source)).AsSpan(0, destination.Length).CopyTo(destination);
    }

    public override void Copy(Tensor source, Tensor destination) =>
        CpuRows.Copy(CpuView.Of(source, nameof(source)), CpuView.Of(destination, source.Rows, source.Columns, nameof(destination)));

    public override void Wait() { }

    public override Matrix LoadMatrix(params ReadOnlySpan<StoredTensor> parts)
    {
        CheckParts(parts);
        return new CpuMatrix(parts);
    }

    public override unsafe Tensor LoadVector(params ReadOnlySpan<StoredTensor> parts)
    {
        CheckParts(parts);
        long length = 0;
        foreach (var part in parts) length = checked(length + part.ElementCount);
        var tensor = Allocate(1, checked((int)length), Precision.Single);
        _vectors.Add(tensor.Buffer);
        var values = CpuView.Of(tensor, nameof(parts)).RowSpan(0);
        foreach (var part in parts)
        {
            var count = (int)part.ElementCount;
            part.ReadSingles(values[..count]);
            values = values[count..];
        }

        return tensor;
    }

    public override void Linear(Tensor x, Matrix weight, Tensor? bias, Activation activation, Tensor? residual, Tensor y)
    {
        var matrix = Stored(weight, nameof(weight));
        _linear.Run(new LinearArguments
        {
            X = CpuView.Of(x, y.Rows, matrix.Columns, nameof(x)),
            Weight = matrix,
            Bias = bias is { } b ? CpuView.Of(b, 1, matrix.Rows, nameof(bias)) : null,
            Activation = activation,
            Residual = residual is { } r ? CpuView.Of(r, x.Rows, matrix.Rows, nameof(residual)) : null,
            Y = CpuView.Of(y, x.Rows, matrix.Rows, nameof(y)),
        });
    }

    public override void LayerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor y) => _layerNorm.Run(
        CpuView.Of(x, nameof(x)),
        CpuView.Of(weight, 1, x.Columns, nameof(weight)),
        CpuView.Of(bias, 1, x.Columns, nameof(bias)),
        epsilon,
        CpuView.Of(y, x.Rows, x.Columns, nameof(y)));

    public override void RmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) => _rmsNorm.Run(
        CpuView.Of(x, nameof(x)),
        CpuView.Of(weight, 1, x.Columns, nameof(weight)),
        epsilon,
        CpuView.Of(y, x.Rows, x.Columns, nameof(y)));

    public override void LayerScale(Tensor x, Tensor scale, Tensor y) => _layerScale.Run(
        CpuView.Of(x, y.Rows, y.Columns, nameof(x)), CpuView.Of(scale, 1, y.Columns, nameof(scale)), CpuView.Of(y, nameof(y)));

    public override void ImageToPatches(Tensor pixels, int patchSize, Tensor patches)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patchSize, 1);
        if (pixels.Rows % 3 != 0 || pixels.Rows / 3 < patchSize || pixels.Columns < patchSize)
            throw new ArgumentException($"A picture of [{pixels.Rows}, {pixels.Columns}] is not three channels of one or more patches of {patchSize}.", nameof(pixels));
        var count = (long)(pixels.Rows / 3 / patchSize) * (pixels.Columns / patchSize);
        CpuRows.ImageToPatches(CpuView.Of(pixels, nameof(pixels)), patchSize, CpuView.Of(patches, checked((int)count), 3 * patchSize * patchSize, nameof(patches)));
    }

    public override void Attention(in AttentionArguments arguments) => _attention.Run(arguments);

    public override void AttentionRow(in AttentionRowArguments arguments) => _attentionRow.Run(arguments);

    public override void SequenceMean(Tensor x, Sequences sequences, Tensor mean) =>
        CpuAttentionRow.Mean(CpuView.Of(x, sequences.Rows, x.Columns, nameof(x)), sequences, CpuView.Of(mean, sequences.Count, x.Columns, nameof(mean)));

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, RotaryPositions positions, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache)
    {
        if (headSize < 2 || headSize % 2 != 0 || query.Columns % headSize != 0 || key.Columns % headSize != 0)
            throw new ArgumentException($"Query rows of {query.Columns} and key rows of {key.Columns} are not whole heads of an even size {headSize}.", nameof(headSize));
        CheckLength(positions.Rows, query.Rows, nameof(positions));
        var arguments = new CpuRotary.Arguments
        {
            Query = CpuView.Of(query, nameof(query)),
            Key = CpuView.Of(key, query.Rows, key.Columns, nameof(key)),
            Value = CpuView.Of(value, query.Rows, key.Columns, nameof(value)),
            KeyCache = CpuView.Of(keyCache, query.Rows, key.Columns, nameof(keyCache)),
            ValueCache = CpuView.Of(valueCache, query.Rows, key.Columns, nameof(valueCache)),
            HeadSize = headSize,
        };
        _rotary.Run(arguments, positions, Indices(positions.Values.Buffer, nameof(positions)), CpuView.Of(inverseFrequencies, 1, headSize / 2, nameof(inverseFrequencies)).RowSpan(0));
    }

    public override (double Gflops, double GBs)? MeasureCeilings() => (CpuRoofline.ComputeGflops(), CpuRoofline.BandwidthGBs());

    public override DecodeStep AllocateStep() => new CpuDecodeStep();

    public override void Embed(Matrix embedding, DecodeStep decodeStep, Tensor y) => Embed(embedding, [CpuDecodeStep.Of(decodeStep).Token], y);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache)
    {
        var own = CpuDecodeStep.Of(decodeStep);
        var position = RotaryPositions.OneAxis(new IndexView(_stepPosition, 0, 1));
        _stepPosition.Data[0] = own.Position;
        RotaryAppend(query, key, value, position, inverseFrequencies, headSize, keyCache.SliceRows(own.Cached, 1), valueCache.SliceRows(own.Cached, 1));
    }

    public override void DecodeAttention(in DecodeArguments arguments)
    {
        var keys = CpuDecodeStep.Of(arguments.Step).Keys;
        _attention.Run(new AttentionArguments
        {
            Query = arguments.Query,
            Key = arguments.KeyCache.SliceRows(0, keys.Rows),
            Value = arguments.ValueCache.SliceRows(0, keys.Rows),
            Output = arguments.Output,
            Heads = arguments.Heads,
            KeyValueHeads = arguments.KeyValueHeads,
            HeadSize = arguments.HeadSize,
            Scale = arguments.Scale,
            Queries = CpuDecodeStep.OneRow,
            Keys = keys,
        });
    }

    public override void GatedSilu(Tensor gateUp, Tensor y) =>
        _gatedSilu.Run(CpuView.Of(gateUp, y.Rows, 2 * y.Columns, nameof(gateUp)), CpuView.Of(y, nameof(y)));

    public override void Embed(Matrix embedding, ReadOnlySpan<int> ids, Tensor y)
    {
        var matrix = Stored(embedding, nameof(embedding));
        CpuRows.Embed(matrix, ids, CpuView.Of(y, ids.Length, matrix.Columns, nameof(y)));
    }

    public override void GatherRows(Tensor x, IndexView rows, Tensor y)
    {
        CheckRoom(y.Rows, rows.Length, nameof(rows));
        CpuRows.Gather(CpuView.Of(x, nameof(x)), Indices(rows.Buffer, nameof(rows)).AsSpan(rows.Start, rows.Length), CpuView.Of(y, y.Rows, x.Columns, nameof(y)));
    }

    public override void GatherIndices(IndexView source, IndexView rows, IndexView destination)
    {
        CheckLength(rows.Length, destination.Length, nameof(rows));
        var numbers = Indices(source.Buffer, nameof(source)).AsSpan(source.Start, source.Length);
        var to = Indices(destination.Buffer, nameof(destination)).AsSpan(destination.Start, destination.Length);
        var from = Indices(rows.Buffer, nameof(rows)).AsSpan(rows.Start, rows.Length);
        foreach (var row in from)
        {
            if (row < 0 || row >= numbers.Length) throw new ArgumentException($"Row {row} is not one of the {numbers.Length} of the source.", nameof(rows));
        }

        for (var i = 0; i < to.Length; i++) to[i] = numbers[from[i]];
    }

    public override int ArgMax(Tensor x)
    {
        if (x.Rows < 1 || x.Columns < 1) throw new ArgumentException("There is no largest entry of nothing.", nameof(x));
        return CpuSelect.ArgMax(CpuView.Of(x, nameof(x)).RowSpan(0));
    }

    public override void FlowScore(in FlowScoreArguments arguments) => _flowScore.Run(arguments);

    public override void SelectTop(Tensor scores, int group, int count, int add, IndexBuffer rows, int start)
    {
        CheckSelection(scores, group, count, rows, start);
        _select.Top(CpuView.Of(scores, nameof(scores)).RowSpan(0), group, add, Indices(rows, nameof(rows)).AsSpan(start, count * group));
    }

    public override void AddMeanProbabilities(Tensor logProbabilities, float weight, Tensor sums) =>
        _meanProbabilities.Run(CpuView.Of(logProbabilities, nameof(logProbabilities)), weight, CpuView.Of(sums, 1, logProbabilities.Columns, nameof(sums)));

    public override void Pairwise(PairMeasure measure, Tensor x, Tensor y, Tensor result) => _pairwise.Run(
        measure, CpuView.Of(x, nameof(x)), CpuView.Of(y, y.Rows, x.Columns, nameof(y)), CpuView.Of(result, x.Rows, y.Rows, nameof(result)));

    public override void MixRows(Tensor x, RowMix mix, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(mix);
        _mixRows.Run(CpuView.Of(x, nameof(x)), mix, CpuView.Of(y, mix.Rows, x.Columns, nameof(y)));
    }

    public override void FarthestPoints(Tensor x, int count, IndexBuffer points, int start)
    {
        CheckPoints(x, count, points, start);
        _farthestPoints.Run(CpuView.Of(x, nameof(x)), Indices(points, nameof(points)).AsSpan(start, count));
    }

    public override void GreedyDeterminant(Tensor x, Tensor relevance, int count, IndexBuffer points, int start)
    {
        CheckPoints(x, count, points, start);
        _greedyDeterminant.Run(CpuView.Of(x, nameof(x)), CpuView.Of(relevance, 1, x.Rows, nameof(relevance)), Indices(points, nameof(points)).AsSpan(start, count));
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _pool.Dispose();
        _linear.Dispose();
        _attention.Dispose();
        _attentionRow.Dispose();
        _rotary.Dispose();
        _flowScore.Dispose();
        _select.Dispose();
        _farthestPoints.Dispose();
        _greedyDeterminant.Dispose();
        foreach (var vector in _vectors) vector.Dispose();
    }

    private static CpuMatrix Stored(Matrix matrix, string name) =>
        matrix as CpuMatrix ?? throw new ArgumentException($"'{name}' was not loaded by a CPU backend.", name);

    private static int[] Indices(IndexBuffer buffer, string name) =>
        (buffer as CpuIndexBuffer ?? throw new ArgumentException($"'{name}' was not allocated by a CPU backend.", name)).Data;
}
