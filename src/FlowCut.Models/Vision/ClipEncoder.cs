using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Vision;

/// <summary>
/// CLIP's vision transformer up to the layer whose output is read (spec/models.md, section 5.1). Pre-norm layers,
/// a CLS token in front of the patches, learned positions. Pictures of a batch are sequences that do not see each other,
/// and may shrink to different lengths as a strategy prunes them.
/// </summary>
internal sealed class ClipEncoder : IDisposable
{
    private readonly Backend _backend;
    private readonly Matrix _patchEmbedding;
    private readonly Tensor _positions, _preNormWeight, _preNormBias;
    private readonly Layer[] _layers;
    private readonly RecordedEncoders _recorded;
    private ClipWorkspace? _workspace;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Shapes that the tensors must have.</param>
    /// <param name="checkpoint">Must outlive the encoder.</param>
    /// <param name="prefix">Of the tensor names, up to and including "vision_model.".</param>
    /// <param name="layersRun">Layers 0 … layersRun − 1 are loaded and run.</param>
    /// <param name="work">How the layers reach a device.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public ClipEncoder(Backend backend, ClipConfig config, Checkpoint checkpoint, string prefix, int layersRun, EncoderWork work = EncoderWork.Measured)
    {
        _backend = backend;
        _recorded = new RecordedEncoders(backend, work);
        Config = config;
        LayersRun = layersRun;
        int d = config.HiddenSize, p = config.PatchSize, tokens = config.Patches + 1;
        var embeddings = prefix + "embeddings.";
        _patchEmbedding = backend.LoadMatrix(checkpoint.Get(embeddings + "patch_embedding.weight", d, 3, p, p));
        var positions = new float[tokens * d];
        checkpoint.Get(embeddings + "position_embedding.weight", tokens, d).ReadSingles(positions);
        // The CLS token's embedding never changes, so it is added to its position once, here.
        var classToken = new float[d];
        checkpoint.Get(embeddings + "class_embedding", d).ReadSingles(classToken);
        for (var i = 0; i < d; i++) positions[i] += classToken[i];
        _positions = backend.Allocate(tokens, d, Precision.Single);
        backend.Upload(positions, _positions);
        _preNormWeight = backend.LoadVector(checkpoint.Get(prefix + "pre_layrnorm.weight", d));
        _preNormBias = backend.LoadVector(checkpoint.Get(prefix + "pre_layrnorm.bias", d));
        _layers = new Layer[layersRun];
        for (var i = 0; i < layersRun; i++) _layers[i] = new Layer(backend, config, checkpoint, $"{prefix}encoder.layers.{i}.");
    }

    public ClipConfig Config { get; }

    public int LayersRun { get; }

    /// <summary>
    /// Runs a batch. The result lives in the encoder's workspace until the next call: [rows, hidden], per picture its CLS
    /// row, then the patches that are left.
    /// </summary>
    /// <param name="pictures">Per picture [3, size, size], normalised.</param>
    /// <param name="strategy">Null: every patch stays.</param>
    /// <param name="records">One per picture; filled.</param>
    /// <param name="trace">Receives what the run saw; null: nothing is recorded.</param>
    /// <param name="cancellation">Checked before every layer.</param>
    public (Tensor Hidden, Sequences Sequences) Encode(
        IReadOnlyList<float[]> pictures, IPruningStrategy? strategy, PruningRecord[] records, Trace? trace, CancellationToken cancellation)
    {
        var sequences = Begin(pictures.Count);
        for (var i = 0; i < pictures.Count; i++) _backend.Upload(pictures[i], _workspace!.Pixels.SliceRows(i * 3 * Config.ImageSize, 3 * Config.ImageSize));
        if (trace is null && Recorded(strategy, sequences, records, cancellation) is { } recorded)
        {
            var result = recorded.Run(cancellation);
            recorded.Complete(records);
            return result;
        }

        return RunQueued(strategy, sequences, records, trace, cancellation);
    }

    /// <summary>For <see cref="Backend.Prepare"/>: one picture, queued and recorded, without anything being read back. The result is of the size that an encoded one has.</summary>
    public Tensor Rehearse(IPruningStrategy? strategy)
    {
        var sequences = Begin(1);
        var stage = Stage(sequences, [new PruningRecord(Config.Patches)], recordScores: false);
        using (var recorded = strategy?.BeginRecordedEncoder(stage))
        {
            if (recorded is not null) Run(recorded.Sequences, recorded, null, CancellationToken.None);
        }

        using var pruning = strategy?.BeginEncoder(stage);
        return Run(sequences, pruning, null, CancellationToken.None).Hidden;
    }

    public void Dispose()
    {
        _recorded.Dispose();
        _workspace?.Dispose();
        _positions.Buffer.Dispose();
    }

    /// <summary>Room for a batch.</summary>
    private Sequences Begin(int pictures)
    {
        var sequences = Sequences.Uniform(pictures, Config.Patches + 1);
        if (_workspace is null || _workspace.Rows < sequences.Rows)
        {
            // recorded work goes on using the memory that it was recorded with
            _recorded.Clear();
            _workspace?.Dispose();
            _workspace = null;
            _workspace = new ClipWorkspace(_backend, Config, sequences.Rows);
        }

        return sequences;
    }

    private (Tensor Hidden, Sequences Sequences) RunQueued(
        IPruningStrategy? strategy, Sequences sequences, PruningRecord[] records, Trace? trace, CancellationToken cancellation)
    {
        using var pruning = strategy?.BeginEncoder(Stage(sequences, records, recordScores: trace is not null));
        var result = Run(sequences, pruning, trace, cancellation);
        pruning?.Finish();
        return result;
    }

    /// <summary>The recorded encoder for such a batch, if there is one and it is to be used.</summary>
    private RecordedEncoder? Recorded(IPruningStrategy? strategy, Sequences sequences, PruningRecord[] records, CancellationToken cancellation)
    {
        var pictures = sequences.Count;
        var what = $"encoder {LayersRun}x{Config.HiddenSize}x{Config.IntermediateSize}, {Config.Heads} heads, {Config.Patches} patches, {pictures} pictures, {_backend.ActivationType}, {strategy?.ToString() ?? "unpruned"}";
        return _recorded.Find(strategy, pictures, what, Record, () => RunQueued(strategy, sequences, Fresh(), null, cancellation), encoder =>
        {
            encoder.Run(cancellation);
            encoder.Complete(Fresh());
        });

        RecordedEncoder? Record()
        {
            var pruning = strategy?.BeginRecordedEncoder(Stage(sequences, records, recordScores: false));
            if (strategy is not null && pruning is null) return null;
            return new RecordedEncoder(_backend, pruning, sequences, (begin, run, cancel) => Run(begin, run, null, cancel));
        }

        PruningRecord[] Fresh() => [.. records.Select(r => new PruningRecord(r.Patches))];
    }

    private EncoderStage Stage(Sequences sequences, PruningRecord[] records, bool recordScores) => new()
    {
        Backend = _backend,
        LayersRun = LayersRun,
        LastPruningLayer = LayersRun - 2,
        Heads = Config.Heads,
        HeadSize = Config.HeadSize,
        Sequences = sequences,
        Records = records,
        RecordScores = recordScores,
    };

    /// <summary>Queues everything from the pixels to the last layer.</summary>
    private (Tensor Hidden, Sequences Sequences) Run(Sequences sequences, ILayerPruning? pruning, Trace? trace, CancellationToken cancellation)
    {
        var work = _workspace!;
        Embed(work, sequences);
        trace?.AddRows("vision.embeddings", _backend, work.Hidden, sequences);
        for (var i = 0; i < LayersRun; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            sequences = RunLayer(i, work, sequences, pruning);
            if (i == 0 || i == LayersRun - 1) trace?.AddRows($"vision.layer.{i}.output", _backend, work.Hidden, sequences);
        }

        return (work.Hidden.SliceRows(0, sequences.Rows), sequences);
    }

    private void Embed(ClipWorkspace work, Sequences sequences)
    {
        for (var i = 0; i < sequences.Count; i++)
        {
            _backend.ImageToPatches(work.Pixels.SliceRows(i * 3 * Config.ImageSize, 3 * Config.ImageSize), Config.PatchSize, work.Patches);
            var rows = work.Hidden.SliceRows(sequences.Start(i), sequences.Length(i));
            _backend.Copy(_positions, rows);
            var patches = rows.SliceRows(1, Config.Patches);
            _backend.Linear(work.Patches, _patchEmbedding, null, Activation.None, residual: patches, patches);
        }

        var hidden = work.Hidden.SliceRows(0, sequences.Rows);
        _backend.LayerNorm(hidden, _preNormWeight, _preNormBias, Config.LayerNormEpsilon, hidden);
    }

    private Sequences RunLayer(int index, ClipWorkspace work, Sequences sequences, ILayerPruning? pruning)
    {
        var layer = _layers[index];
        var epsilon = Config.LayerNormEpsilon;
        int rows = sequences.Rows, d = Config.HiddenSize;
        var hidden = work.Hidden.SliceRows(0, rows);
        var normed = work.Normed.SliceRows(0, rows);
        var qkv = work.QueryKeyValue.SliceRows(0, rows);
        var export = pruning?.Request(index);

        _backend.LayerNorm(hidden, layer.Norm1Weight, layer.Norm1Bias, epsilon, normed);
        _backend.Linear(normed, layer.QueryKeyValue, layer.QueryKeyValueBias, Activation.None, null, qkv);
        _backend.Attention(new AttentionArguments
        {
            Query = qkv.SliceColumns(0, d),
            Key = qkv.SliceColumns(d, d),
            Value = qkv.SliceColumns(2 * d, d),
            Output = normed,
            Heads = Config.Heads,
            KeyValueHeads = Config.Heads,
            HeadSize = Config.HeadSize,
            Scale = 1 / MathF.Sqrt(Config.HeadSize),
            Queries = sequences,
            Keys = sequences,
            Export = export,
        });
        if (export is not null) pruning!.Observe(index);
        _backend.Linear(normed, layer.Output, layer.OutputBias, Activation.None, residual: hidden, hidden);

        var intermediate = work.Intermediate.SliceRows(0, rows);
        _backend.LayerNorm(hidden, layer.Norm2Weight, layer.Norm2Bias, epsilon, normed);
        _backend.Linear(normed, layer.Up, layer.UpBias, Activation.QuickGelu, null, intermediate);
        _backend.Linear(intermediate, layer.Down, layer.DownBias, Activation.None, residual: hidden, hidden);

        if (export is null || pruning!.Prune(index) is not { } selection) return sequences;
        var kept = work.Spare.SliceRows(0, selection.Sequences.Rows);
        if (selection.Sequences.OnDevice is { } offsets)
            _backend.DeviceCounts!.GatherRows(hidden, selection.Rows, offsets.Slice(selection.Sequences.Count, 1), kept);
        else
            _backend.GatherRows(hidden, selection.Rows, kept);
        work.SwapHidden();
        return selection.Sequences;
    }

    /// <summary>Weights of one layer; query, key and value stand below each other, so that one GEMM makes all three.</summary>
    private sealed class Layer(Backend backend, ClipConfig config, Checkpoint checkpoint, string prefix)
    {
        public readonly Tensor Norm1Weight = Vector(backend, checkpoint, prefix + "layer_norm1.weight", config.HiddenSize);
        public readonly Tensor Norm1Bias = Vector(backend, checkpoint, prefix + "layer_norm1.bias", config.HiddenSize);
        public readonly Matrix QueryKeyValue = backend.LoadMatrix(
            checkpoint.Get(prefix + "self_attn.q_proj.weight", config.HiddenSize, config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.k_proj.weight", config.HiddenSize, config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.v_proj.weight", config.HiddenSize, config.HiddenSize));
        public readonly Tensor QueryKeyValueBias = backend.LoadVector(
            checkpoint.Get(prefix + "self_attn.q_proj.bias", config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.k_proj.bias", config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.v_proj.bias", config.HiddenSize));
        public readonly Matrix Output = backend.LoadMatrix(checkpoint.Get(prefix + "self_attn.out_proj.weight", config.HiddenSize, config.HiddenSize));
        public readonly Tensor OutputBias = Vector(backend, checkpoint, prefix + "self_attn.out_proj.bias", config.HiddenSize);
        public readonly Tensor Norm2Weight = Vector(backend, checkpoint, prefix + "layer_norm2.weight", config.HiddenSize);
        public readonly Tensor Norm2Bias = Vector(backend, checkpoint, prefix + "layer_norm2.bias", config.HiddenSize);
        public readonly Matrix Up = backend.LoadMatrix(checkpoint.Get(prefix + "mlp.fc1.weight", config.IntermediateSize, config.HiddenSize));
        public readonly Tensor UpBias = Vector(backend, checkpoint, prefix + "mlp.fc1.bias", config.IntermediateSize);
        public readonly Matrix Down = backend.LoadMatrix(checkpoint.Get(prefix + "mlp.fc2.weight", config.HiddenSize, config.IntermediateSize));
        public readonly Tensor DownBias = Vector(backend, checkpoint, prefix + "mlp.fc2.bias", config.HiddenSize);

        private static Tensor Vector(Backend backend, Checkpoint checkpoint, string name, int length) =>
            backend.LoadVector(checkpoint.Get(name, length));
    }
}
