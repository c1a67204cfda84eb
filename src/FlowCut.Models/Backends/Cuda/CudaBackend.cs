using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// The operations on one device, by this library's kernels and cuBLASLt, in one stream. Activations are of one type, sums,
/// scores, logits and the residual stream fp32. Weights live on the device, sent once.
/// </summary>
public sealed class CudaBackend : Backend, IDeviceCounts
{
    /// <summary>Half of the page-locked memory through which weights and inputs go.</summary>
    private const int StagingBytes = 8 << 20;

    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly DeviceMemoryPool _pool;
    private readonly KernelContext _kernels;
    private readonly UploadStaging _staging;
    private readonly CudaWeights _weights;
    private readonly CudaAttention _attention;
    private readonly CudaTokenSets _tokenSets;
    private readonly DeviceNumbers<int> _ids;
    private readonly CudaIndexBuffer _index;
    private readonly Stack<MappedValues> _mapped = [];
    private readonly ElementType _activations;
    private DeviceMemory? _scratch;
    private bool _disposed;

    private CudaBackend(string name, CudaContext context, ElementType activations, KernelCache? cache)
    {
        Name = name;
        _activations = activations;
        _context = context;
        _stream = CudaStream.Create(context);
        _pool = DeviceMemoryPool.Create(context);
        _kernels = new KernelContext(context, cache);
        _staging = new UploadStaging(_stream, StagingBytes);
        _weights = new CudaWeights(_kernels, _pool, _staging, _stream, activations);
        _attention = new CudaAttention(_kernels, _pool, _staging, _stream);
        _tokenSets = new CudaTokenSets(_kernels, _pool, _staging, _stream);
        _ids = new DeviceNumbers<int>(_pool, _staging, _stream);
        _index = new CudaIndexBuffer(_pool.Allocate(sizeof(int), _stream), 1);
    }

    public override StoredType ActivationType => _activations switch
    {
        ElementType.Float16 => StoredType.Float16,
        ElementType.BFloat16 => StoredType.BFloat16,
        _ => StoredType.Float32,
    };

    /// <summary>Bytes of device memory in use: weights, activations, caches.</summary>
    public long BytesInUse => _pool.BytesInUse;

    /// <summary>The most that was in use at one time.</summary>
    public long PeakBytes => _pool.PeakBytes;

    /// <summary>Kernels launched one by one so far, also into a recording; neither products nor what a repeated graph launches.</summary>
    public long Launches => _context.Launches;

    /// <summary>Kernels that had to be compiled so far; the others came from the cache.</summary>
    public int CompiledKernels => _kernels.Compiled;

    /// <summary>What computes.</summary>
    public DeviceInfo Device => _kernels.Device;

    public override string Name { get; }

    /// <summary>A backend on one device of a driver.</summary>
    /// <param name="name">As on the command line: cuda:0, sim.</param>
    /// <param name="cuda">The machine's CUDA, or the simulator.</param>
    /// <param name="device">The device's number.</param>
    /// <param name="activations">What activations and the KV cache are stored as.</param>
    /// <param name="cache">Where compiled kernels are kept; null for the user's cache.</param>
    /// <exception cref="CudaNotAvailableException">A library is not there; the message lists what was tried.</exception>
    /// <exception cref="DeviceNotSupportedException">The kernels cannot run on this device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    /// <exception cref="NativeCudaException">The driver fails.</exception>
    public static CudaBackend Open(string name, NativeCuda cuda, int device = 0, ElementType activations = ElementType.Float16, KernelCache? cache = null)
    {
        var context = CudaDevice.Open(cuda, device).RetainPrimaryContext();
        try
        {
            return new CudaBackend(name, context, activations, cache);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    public override DeviceBuffer Allocate(long length, Precision precision)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var type = precision == Precision.Single ? ElementType.Float32 : _activations;
        var memory = _pool.Allocate(checked(Math.Max(1, length) * type.Bytes()), _stream);
        _stream.EnqueueFill(memory.Pointer, 0, memory.Bytes);
        return new CudaBuffer(memory, length, type);
    }

    public override IndexBuffer AllocateIndices(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        return new CudaIndexBuffer(_pool.Allocate(Math.Max(1L, capacity) * sizeof(int), _stream), capacity);
    }

    public override HostValues AllocateHostValues(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (!_mapped.TryPop(out var memory) || memory.Capacity < count)
        {
            memory?.Dispose();
            memory = new MappedValues(_stream, _pool, Math.Max(64, count));
        }

        return new CudaHostValues(memory, _stream, _mapped.Push, count);
    }

    public override unsafe void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        CheckLength(source.Length, (long)destination.Rows * destination.Columns, nameof(source));
        var view = CudaBuffer.View(destination, nameof(destination));
        if (view.IsEmpty) return;
        var dense = view.Type == ElementType.Float32 && view.IsContiguous ? view : Scratch(view.Rows, view.Columns);
        fixed (float* values = source) _staging.Upload((byte*)values, (long)source.Length * sizeof(float), dense.Pointer);
        if (dense != view) ConvertType.Launch(_kernels, dense, view, _stream);
    }

    public override void Download(Tensor source, Span<float> destination)
    {
        CheckLength(destination.Length, (long)source.Rows * source.Columns, nameof(destination));
        var view = CudaBuffer.View(source, nameof(source));
        if (view.IsEmpty) return;
        var dense = view;
        if (view.Type != ElementType.Float32 || !view.IsContiguous)
        {
            dense = Scratch(view.Rows, view.Columns);
            ConvertType.Launch(_kernels, view, dense, _stream);
        }

        _stream.Download(dense.Pointer, destination);
    }

    public override unsafe void Upload(ReadOnlySpan<int> source, IndexBuffer destination, int start = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        CheckRoom((long)start + source.Length, destination.Capacity, nameof(destination));
        if (source.IsEmpty) return;
        var array = CudaIndexBuffer.Of(destination, nameof(destination)).Slice(start, source.Length);
        fixed (int* values = source) _staging.Upload((byte*)values, (long)source.Length * sizeof(int), array.Pointer);
    }

    public override void Download(IndexBuffer source, Span<int> destination)
    {
        CheckRoom(destination.Length, source.Capacity, nameof(source));
        if (!destination.IsEmpty) _stream.Download(CudaIndexBuffer.Of(source, nameof(source)).Pointer, destination);
    }

    public override void Copy(Tensor source, Tensor destination) => ConvertType.Launch(
        _kernels, CudaBuffer.View(source, nameof(source)), CudaBuffer.View(destination, nameof(destination)), _stream);

    public override void Wait() => _stream.Synchronize();

    public override Matrix LoadMatrix(params ReadOnlySpan<StoredTensor> parts)
    {
        CheckParts(parts);
        return _weights.LoadMatrix(parts);
    }

    public override Tensor LoadVector(params ReadOnlySpan<StoredTensor> parts)
    {
        CheckParts(parts);
        return _weights.LoadVector(parts);
    }

    public override void Linear(Tensor x, Matrix weight, Tensor? bias, Activation activation, Tensor? residual, Tensor y)
    {
        var input = CudaBuffer.View(x, nameof(x));
        var matrix = CudaMatrix.Of(weight, nameof(weight));
        var output = CudaBuffer.View(y, nameof(y));
        DeviceMatrix? added = residual is { } r ? CudaBuffer.View(r, nameof(residual)) : null;
        DeviceMatrix? vector = bias is { } b ? _weights.Vector(b, output.Type, nameof(bias)) : null;
        var kind = KindOf(activation);
        if (input.Rows <= LinearVector.MaxRows)
        {
            LinearVector.Launch(_kernels, input, matrix, vector, added, output, kind, _stream);
        }
        else if (kind == ActivationKind.None)
        {
            Kernels.Matmul.Linear.Launch(_kernels, input, matrix, vector, added, output, _stream);
        }
        else
        {
            // cuBLASLt has no epilogue for quick GELU nor for the exact GELU
            Kernels.Matmul.Linear.Launch(_kernels, input, matrix, null, null, output, _stream);
            BiasActivation.Launch(_kernels, output, vector, added, output, kind, _stream);
        }
    }

    public override void LayerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor y) => Kernels.Transformer.LayerNorm.Launch(
        _kernels, CudaBuffer.View(x, nameof(x)), CudaBuffer.View(weight, nameof(weight)), CudaBuffer.View(bias, nameof(bias)), CudaBuffer.View(y, nameof(y)), epsilon, _stream);

    public override void RmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) => Kernels.Transformer.RmsNorm.Launch(
        _kernels, CudaBuffer.View(x, nameof(x)), CudaBuffer.View(weight, nameof(weight)), CudaBuffer.View(y, nameof(y)), epsilon, _stream);

    public override void LayerScale(Tensor x, Tensor scale, Tensor y) => Kernels.Transformer.LayerScale.Launch(
        _kernels, CudaBuffer.View(x, nameof(x)), CudaBuffer.View(scale, nameof(scale)), CudaBuffer.View(y, nameof(y)), _stream);

    public override void ImageToPatches(Tensor pixels, int patchSize, Tensor patches)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patchSize, 1);
        if (pixels.Rows % 3 != 0 || (pixels.Rows > 1 && pixels.Stride != pixels.Columns))
            throw new ArgumentException($"A picture of [{pixels.Rows}, {pixels.Columns}] with stride {pixels.Stride} is not three dense channels.", nameof(pixels));
        var view = CudaBuffer.View(pixels, nameof(pixels));
        var picture = new DeviceMatrix(view.Pointer, view.Type, 1, checked(view.Rows * view.Columns));
        Kernels.Transformer.ImageToPatches.Launch(_kernels, picture, CudaBuffer.View(patches, nameof(patches)), 3, pixels.Rows / 3, pixels.Columns, patchSize, _stream);
    }

    public override void Attention(in AttentionArguments arguments) => _attention.Run(arguments);

    public override void AttentionRow(in AttentionRowArguments arguments) => _attention.Row(arguments);

    public override void SequenceMean(Tensor x, Sequences sequences, Tensor mean) => _attention.Mean(x, sequences, mean);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, RotaryPositions positions, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache) =>
        CudaRotary.Run(_kernels, query, Append(key, value, keyCache, valueCache), positions, inverseFrequencies, headSize, _stream);

    public override void GatedSilu(Tensor gateUp, Tensor y)
    {
        var both = CudaBuffer.View(gateUp, nameof(gateUp));
        GatedActivation.Launch(_kernels, both.SliceColumns(0, y.Columns), both.SliceColumns(y.Columns, both.Columns - y.Columns), CudaBuffer.View(y, nameof(y)), ActivationKind.Silu, _stream);
    }

    public override void Embed(Matrix embedding, ReadOnlySpan<int> ids, Tensor y)
    {
        var matrix = CudaMatrix.Of(embedding, nameof(embedding));
        foreach (var id in ids)
        {
            if (id < 0 || id >= matrix.Rows) throw new ArgumentException($"Token {id} is not one of the {matrix.Rows} rows of the embedding.", nameof(ids));
        }

        CheckLength(ids.Length, y.Rows, nameof(ids));
        Kernels.Transformer.Embed.Launch(_kernels, matrix, null, _ids.Of(ids), CudaBuffer.View(y, nameof(y)), _stream);
    }

    public override void GatherRows(Tensor x, IndexView rows, Tensor y) => Gather(x, rows, default, y);

    public void GatherRows(Tensor x, IndexView rows, IndexView count, Tensor y) => Gather(x, rows, CudaIndexBuffer.View(count, nameof(count)), y);

    public override void GatherIndices(IndexView source, IndexView rows, IndexView destination)
    {
        CheckLength(rows.Length, destination.Length, nameof(rows));
        Kernels.Pruning.GatherRows.Launch(
            _kernels, CudaIndexBuffer.View(source, nameof(source)), CudaIndexBuffer.View(rows, nameof(rows)), default, CudaIndexBuffer.View(destination, nameof(destination)), _stream);
    }

    public override int ArgMax(Tensor x)
    {
        if (x.Rows < 1 || x.Columns < 1) throw new ArgumentException("There is no largest entry of nothing.", nameof(x));
        Kernels.Transformer.ArgMax.Launch(_kernels, CudaBuffer.View(x.SliceRows(0, 1), nameof(x)), _index.Array, _stream);
        Span<int> result = stackalloc int[1];
        _stream.Download(_index.Array.Pointer, result);
        return result[0];
    }

    public override DecodeStep AllocateStep() => new CudaDecodeStep(_kernels, _pool, _staging, _stream);

    public override IDeviceCounts? DeviceCounts => this;

    public override int Fastest(string what, params ReadOnlySpan<Action> ways) => MeasuredChoice.Fastest(_kernels, what, ways, _stream);

    /// <summary>A simulator has none.</summary>
    public override (double Gflops, double GBs)? MeasureCeilings() =>
        ReferenceEquals(_context.Cuda, NativeCuda.System) ? CudaRoofline.Measure(_kernels, _pool, _staging, _stream, _activations) : null;

    public override void Prepare(Action rehearsal)
    {
        KernelSet.Rehearse(rehearsal).Load(_kernels);
        // what the rehearsal took, the work has not needed yet
        _pool.ResetPeak();
    }

    public override RepeatedWork Repeat(Action<CancellationToken> work) => new CudaRepeatedWork(_stream, work);

    public override void Embed(Matrix embedding, DecodeStep decodeStep, Tensor y) =>
        Kernels.Transformer.Embed.Launch(_kernels, CudaMatrix.Of(embedding, nameof(embedding)), null, CudaDecodeStep.Of(decodeStep).Token, CudaBuffer.View(y, nameof(y)), _stream);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache) =>
        CudaRotary.Run(_kernels, query, Append(key, value, keyCache, valueCache), decodeStep, inverseFrequencies, headSize, _stream);

    public override void DecodeAttention(in DecodeArguments arguments) => _attention.Decode(arguments);

    public override void FlowScore(in FlowScoreArguments arguments) => CudaFlow.Score(_kernels, arguments, _attention.KeyOffsets(arguments.Keys), _stream);

    /// <inheritdoc/>
    public override int MaxScores => Kernels.Pruning.FlowScore.MaxPatches;

    public void FlowScore(in FlowScoreArguments arguments, Tensor entropyRatios) =>
        CudaFlow.Score(_kernels, arguments, _attention.KeyOffsets(arguments.Keys), entropyRatios, _stream);

    public void FlowSelect(in FlowSelectArguments arguments) => CudaFlow.Select(_kernels, arguments, _attention.KeyOffsets(arguments.Keys), _stream);

    public override void SelectTop(Tensor scores, int group, int count, int add, IndexBuffer rows, int start)
    {
        CheckSelection(scores, group, count, rows, start);
        Kernels.Pruning.SelectTop.Launch(_kernels, CudaBuffer.View(scores.SliceRows(0, 1), nameof(scores)), CudaIndexBuffer.Of(rows, nameof(rows)).Slice(start, count * group), default, group, count, add, _stream);
    }

    public override void AddMeanProbabilities(Tensor logProbabilities, float weight, Tensor sums) => _tokenSets.AddMeanProbabilities(logProbabilities, weight, sums);

    public override void Pairwise(PairMeasure measure, Tensor x, Tensor y, Tensor result) => _tokenSets.Measure(measure, x, y, result);

    public override void MixRows(Tensor x, RowMix mix, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(mix);
        _tokenSets.Mix(x, mix, y);
    }

    public override void FarthestPoints(Tensor x, int count, IndexBuffer points, int start)
    {
        CheckPoints(x, count, points, start);
        _tokenSets.Farthest(x, CudaIndexBuffer.Of(points, nameof(points)).Slice(start, count));
    }

    public override void GreedyDeterminant(Tensor x, Tensor relevance, int count, IndexBuffer points, int start)
    {
        CheckPoints(x, count, points, start);
        CheckLength(relevance.Columns, x.Rows, nameof(relevance));
        _tokenSets.Determinant(x, relevance, CudaIndexBuffer.Of(points, nameof(points)).Slice(start, count));
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing || _disposed) return;
        _disposed = true;
        if (!_context.IsLost) _stream.Synchronize();
        foreach (var values in _mapped) values.Dispose();
        _scratch?.Dispose();
        _index.Dispose();
        _ids.Dispose();
        _tokenSets.Dispose();
        _attention.Dispose();
        _weights.Dispose();
        _staging.Dispose();
        _kernels.Dispose();
        _pool.Dispose();
        _stream.Dispose();
        _context.Dispose();
    }

    /// <summary>Dense fp32 room for one conversion; the next call may take the same.</summary>
    private DeviceMatrix Scratch(int rows, int columns)
    {
        var bytes = (long)rows * columns * sizeof(float);
        if (_scratch is null || _scratch.Bytes < bytes)
        {
            _scratch?.Dispose();
            _scratch = null;
            _scratch = _pool.Allocate(bytes, _stream);
        }

        return _scratch.Matrix(ElementType.Float32, rows, columns);
    }

    private void Gather(Tensor x, IndexView rows, DeviceArray<int> count, Tensor y)
    {
        CheckRoom(y.Rows, rows.Length, nameof(rows));
        Kernels.Pruning.GatherRows.Launch(_kernels, CudaBuffer.View(x, nameof(x)), CudaIndexBuffer.View(rows, nameof(rows)).Slice(0, y.Rows), count, CudaBuffer.View(y, nameof(y)), _stream);
    }

    private static CacheAppend Append(Tensor key, Tensor value, Tensor keyCache, Tensor valueCache) => new(
        CudaBuffer.View(key, nameof(key)), CudaBuffer.View(value, nameof(value)), CudaBuffer.View(keyCache, nameof(keyCache)), CudaBuffer.View(valueCache, nameof(valueCache)));

    private static ActivationKind KindOf(Activation activation) => activation switch
    {
        Activation.None => ActivationKind.None,
        Activation.QuickGelu => ActivationKind.QuickGelu,
        Activation.Gelu => ActivationKind.Gelu,
        Activation.GeluTanh => ActivationKind.GeluTanh,
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "There is no such activation."),
    };
}
