using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Vision;

/// <summary>
/// A vision transformer up to the layer whose output is read (spec/models.md, sections 5.1 to 5.4). Crops of a batch are
/// sequences that do not see each other, and may shrink to different lengths as a strategy prunes them.
/// </summary>
internal sealed class VisionEncoder : IDisposable
{
    /// <summary>Patches of a picture to rehearse with where pictures have sizes of their own.</summary>
    private const int UsualPatches = 1024;

    private readonly Backend _backend;
    private readonly PictureForm _form;
    private readonly Matrix _patchEmbedding;
    private readonly Tensor? _positions, _patchBias, _inverseFrequencies;
    private readonly VisionNorm? _preNorm;
    private readonly VisionLayer[] _layers;
    private readonly RecordedEncoders _recorded;
    private readonly LoadedOnce _loaded = new();
    private readonly Lazy<VisionNorm>? _postNorm;
    private readonly int[]? _order;
    private readonly IndexBuffer? _orderOnDevice;
    private VisionWorkspace? _workspace;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Shapes that the tensors must have.</param>
    /// <param name="checkpoint">Must outlive the encoder.</param>
    /// <param name="names">Of the tensors.</param>
    /// <param name="layersRun">Layers 0 … layersRun − 1 are loaded and run.</param>
    /// <param name="form">What the crops are of a picture.</param>
    /// <param name="work">How the layers reach a device.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public VisionEncoder(
        Backend backend, VisionConfig config, Checkpoint checkpoint, VisionTensorNames names, int layersRun, PictureForm form, EncoderWork work = EncoderWork.Measured)
    {
        _backend = backend;
        _form = form;
        _recorded = new RecordedEncoders(backend, config.ImageSize == 0 ? EncoderWork.Queued : work);
        Config = config;
        LayersRun = layersRun;
        int d = config.HiddenSize, p = config.PatchSize;
        _patchEmbedding = backend.LoadMatrix(config.Frames == 1
            ? checkpoint.Get(names.PatchEmbedding + ".weight", d, 3, p, p)
            : checkpoint.Get(names.PatchEmbedding + ".weight", d, 3, config.Frames, p, p));
        if (config.PatchBias) _patchBias = backend.LoadVector(checkpoint.Get(names.PatchEmbedding + ".bias", d));
        _order = config.GroupOrder();
        if (_order is not null)
        {
            _orderOnDevice = backend.AllocateIndices(_order.Length);
            backend.Upload(_order, _orderOnDevice);
        }

        if (config.LearnedPositions) _positions = LoadPositions(checkpoint, names);
        else _inverseFrequencies = LoadFrequencies();
        if (config.Architecture == "CLIP") _postNorm = new Lazy<VisionNorm>(() => new VisionNorm(backend, config, checkpoint, names.PostNorm));
        if (config.PreNorm) _preNorm = new VisionNorm(backend, config, checkpoint, names.PreNorm);
        _layers = new VisionLayer[layersRun];
        for (var i = 0; i < layersRun; i++) _layers[i] = new VisionLayer(backend, config, checkpoint, names, i);
    }

    public VisionConfig Config { get; }

    public int LayersRun { get; }

    /// <summary>Visual tokens of a square input, or of a picture of usual size.</summary>
    public int UsualTokens => (Config.Patches > 0 ? Config.Patches : UsualPatches) / Config.GroupSize;

    /// <summary>A record of a picture, crop or tile with so many patches.</summary>
    public PruningRecord CreateRecord(int patches) => new(patches, _order, Config.GroupSize);

    /// <summary>
    /// Runs a batch. The result lives in the encoder's workspace until the next call: [rows, hidden], per crop its CLS row where
    /// there is one, then the patches that are left, 2×2 groups together where they become one token.
    /// </summary>
    /// <param name="crops">As the preprocessing made them.</param>
    /// <param name="strategy">Null: every patch stays.</param>
    /// <param name="observer">Looks at the layers in place of what the strategy does between them; null: nothing does.</param>
    /// <param name="records">One per crop; filled.</param>
    /// <param name="trace">Receives what the run saw; null: nothing is recorded.</param>
    /// <param name="cancellation">Checked before every layer.</param>
    public (Tensor Hidden, Sequences Sequences) Encode(
        IReadOnlyList<PictureCrop> crops, IPruningStrategy? strategy, ILayerObserver? observer, PruningRecord[] records, VisionTrace? trace, CancellationToken cancellation)
    {
        var sequences = Begin([.. records.Select(r => r.Patches)]);
        for (var i = 0; i < crops.Count; i++) UploadCrop(crops[i], i, sequences);
        if (observer is not null)
        {
            var seen = Run(sequences, observer, trace, cancellation);
            trace?.Finish(records);
            return seen;
        }

        // an encoder in which nothing is dropped is the unpruned one, which may be recorded
        if (strategy is { PrunesEncoder: false }) strategy = null;
        if (trace is null && Recorded(strategy, sequences, records, cancellation) is { } recorded)
        {
            var result = recorded.Run(cancellation);
            recorded.Complete(records);
            return result;
        }

        return RunQueued(strategy, sequences, records, trace, cancellation);
    }

    /// <summary>What a strategy does with the tokens that leave the encoder; null where it does nothing there.</summary>
    /// <param name="strategy">Null: nothing.</param>
    /// <param name="crops">The batch that will be encoded.</param>
    /// <param name="records">One per crop.</param>
    /// <param name="trace">Receives what decided; null: nothing.</param>
    /// <exception cref="InputException">The strategy does not fit the encoder or the pictures.</exception>
    public ITokenReduction? BeginReduction(IPruningStrategy? strategy, IReadOnlyList<PictureCrop> crops, PruningRecord[] records, Trace? trace) =>
        strategy?.BeginReduction(Stage(SequencesOf([.. records.Select(r => r.Patches)]), records, trace is not null, [.. crops.Select(c => (c.Grid.Columns, c.Grid.Rows))], trace));

    /// <summary>For <see cref="Backend.Prepare"/>: one picture, queued and recorded, without anything being read back. The result is of the size that an encoded one has.</summary>
    public Tensor Rehearse(IPruningStrategy? strategy)
    {
        var patches = Config.Patches > 0 ? Config.Patches : UsualPatches;
        var sequences = Begin([patches]);
        var stage = Stage(sequences, [CreateRecord(patches)], recordScores: false);
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
        _loaded.Dispose();
        _workspace?.Dispose();
        _positions?.Buffer.Dispose();
        _inverseFrequencies?.Buffer.Dispose();
        _orderOnDevice?.Dispose();
    }

    /// <summary>Positions in the encoder's order; the CLS token's embedding never changes, so it is added to its position once, here.</summary>
    private Tensor LoadPositions(Checkpoint checkpoint, VisionTensorNames names)
    {
        int d = Config.HiddenSize, tokens = Config.Patches + Config.ClassRows;
        var stored = new float[tokens * d];
        checkpoint.Get(names.PositionEmbedding, tokens, d).ReadSingles(stored);
        var positions = (float[])stored.Clone();
        for (var place = 0; place < _order?.Length; place++)
            stored.AsSpan((_order[place] + Config.ClassRows) * d, d).CopyTo(positions.AsSpan((place + Config.ClassRows) * d));
        if (Config.HasClass)
        {
            var classToken = new float[d];
            checkpoint.Get(names.ClassEmbedding, d).ReadSingles(classToken);
            for (var i = 0; i < d; i++) positions[i] += classToken[i];
        }

        var tensor = _backend.Allocate(tokens, d, Precision.Single);
        _backend.Upload(positions, tensor);
        return tensor;
    }

    /// <summary>For the pairs of a head: those of its first half turn by the row, those of the second by the column, at the same frequencies.</summary>
    private Tensor LoadFrequencies()
    {
        var half = Config.HeadSize / 4;
        var frequencies = new float[2 * half];
        for (var i = 0; i < half; i++) frequencies[i] = frequencies[half + i] = 1 / MathF.Pow(VisionConfig.RopeTheta, (float)i / half);
        var tensor = _backend.Allocate(1, frequencies.Length, Precision.Single);
        _backend.Upload(frequencies, tensor);
        return tensor;
    }

    /// <summary>Room for a batch.</summary>
    private Sequences Begin(int[] patches)
    {
        var sequences = SequencesOf(patches);
        if (_workspace is null || _workspace.Rows < sequences.Rows || _workspace.Pictures < sequences.Count)
        {
            // recorded work goes on using the memory that it was recorded with
            _recorded.Clear();
            var (rows, pictures) = (Math.Max(sequences.Rows, _workspace?.Rows ?? 0), Math.Max(sequences.Count, _workspace?.Pictures ?? 0));
            _workspace?.Dispose();
            _workspace = null;
            _workspace = new VisionWorkspace(_backend, Config, rows, pictures);
        }

        return sequences;
    }

    private Sequences SequencesOf(int[] patches)
    {
        var offsets = new int[patches.Length + 1];
        for (var i = 0; i < patches.Length; i++) offsets[i + 1] = offsets[i] + patches[i] + Config.ClassRows;
        return new Sequences(offsets);
    }

    private void UploadCrop(PictureCrop crop, int index, Sequences sequences)
    {
        var work = _workspace!;
        if (Config.ImageSize > 0)
        {
            _backend.Upload(crop.PixelValues, Pixels(index));
            return;
        }

        var (start, count) = (sequences.Start(index), sequences.Length(index));
        _backend.Upload(crop.PixelValues, work.Patches.SliceRows(start, count));
        if (work.Positions is not { } positions) return;
        var places = new int[2 * count];
        for (var i = 0; i < count; i++) (places[count + i], places[i]) = crop.Grid.Cell(i);
        _backend.Upload(places.AsSpan(0, count), positions, start);
        _backend.Upload(places.AsSpan(count), positions, sequences.Rows + start);
    }

    private Tensor Pixels(int index) => _workspace!.Pixels.SliceRows(index * 3 * Config.ImageSize, 3 * Config.ImageSize);

    private (Tensor Hidden, Sequences Sequences) RunQueued(
        IPruningStrategy? strategy, Sequences sequences, PruningRecord[] records, VisionTrace? trace, CancellationToken cancellation)
    {
        using var pruning = strategy?.BeginEncoder(Stage(sequences, records, recordScores: trace is not null));
        var result = Run(sequences, pruning, trace, cancellation);
        pruning?.Finish();
        trace?.Finish(records);
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

        PruningRecord[] Fresh() => [.. records.Select(r => r.Fresh())];
    }

    private EncoderStage Stage(Sequences sequences, PruningRecord[] records, bool recordScores, IReadOnlyList<(int Columns, int Rows)>? grids = null, Trace? trace = null) => new()
    {
        Backend = _backend,
        LayersRun = LayersRun,
        Depth = Config.Layers,
        Grids = grids ?? [],
        LastPruningLayer = LayersRun - (Config.LastLayerPrunes ? 1 : 2),
        Heads = Config.Heads,
        HeadSize = Config.HeadSize,
        HasClass = Config.HasClass,
        GroupSize = Config.GroupSize,
        Form = _form,
        Sequences = sequences,
        Records = records,
        RecordScores = recordScores,
        Trace = trace?.Scope(""),
        PostNorm = _postNorm,
        Loaded = _loaded,
    };

    /// <summary>Queues everything from the pixels to the last layer.</summary>
    private (Tensor Hidden, Sequences Sequences) Run(Sequences sequences, ILayerObserver? observer, VisionTrace? trace, CancellationToken cancellation)
    {
        var work = _workspace!;
        Embed(work, sequences);
        trace?.Embeddings(work.Hidden, sequences);
        for (var i = 0; i < LayersRun; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            sequences = RunLayer(i, work, sequences, observer, i == 0 || i == LayersRun - 1 ? trace : null);
        }

        return (work.Hidden.SliceRows(0, sequences.Rows), sequences);
    }

    private void Embed(VisionWorkspace work, Sequences sequences)
    {
        var hidden = work.Hidden.SliceRows(0, sequences.Rows);
        if (Config.ImageSize == 0)
        {
            _backend.Linear(work.Patches.SliceRows(0, sequences.Rows), _patchEmbedding, _patchBias, Activation.None, null, hidden);
        }
        else
        {
            for (var i = 0; i < sequences.Count; i++) EmbedSquare(work, i, hidden.SliceRows(sequences.Start(i), sequences.Length(i)));
        }

        _preNorm?.Run(hidden, hidden);
    }

    private void EmbedSquare(VisionWorkspace work, int index, Tensor rows)
    {
        _backend.ImageToPatches(Pixels(index), Config.PatchSize, work.Patches);
        if (_orderOnDevice is { } order) _backend.GatherRows(work.Patches, new IndexView(order, 0, order.Capacity), work.OrderedPatches);
        var patches = rows.SliceRows(Config.ClassRows, Config.Patches);
        if (_positions is { } positions) _backend.Copy(positions, rows);
        _backend.Linear(work.OrderedPatches, _patchEmbedding, _patchBias, Activation.None, residual: _positions is null ? null : patches, patches);
    }

    private Sequences RunLayer(int index, VisionWorkspace work, Sequences sequences, ILayerObserver? observer, VisionTrace? trace)
    {
        var layer = _layers[index];
        int rows = sequences.Rows, d = Config.HiddenSize;
        var hidden = work.Hidden.SliceRows(0, rows);
        var normed = work.Normed.SliceRows(0, rows);
        var qkv = work.QueryKeyValue.SliceRows(0, rows);
        var export = observer?.Request(index);

        layer.Norm1.Run(hidden, normed);
        _backend.Linear(normed, layer.QueryKeyValue, layer.QueryKeyValueBias, Activation.None, null, qkv);
        Attend(layer, work, qkv, normed, sequences, export);
        if (export is not null) observer!.Observe(index, new EncoderLayer { Keys = qkv.SliceColumns(d, d) });
        // query, key and value are no longer needed
        Add(normed, layer.Output, layer.OutputBias, layer.AttentionScale, qkv.SliceColumns(0, d), hidden);

        var intermediate = work.Intermediate.SliceRows(0, rows);
        layer.Norm2.Run(hidden, normed);
        _backend.Linear(normed, layer.Up, layer.UpBias, Config.Activation, null, intermediate);
        Add(intermediate, layer.Down, layer.DownBias, layer.MlpScale, normed, hidden);

        // the trace has the last layer's output before its own selection
        if (Config.LastLayerPrunes) trace?.Output(index, hidden, sequences);
        var after = export is not null && observer is ILayerPruning pruning ? Drop(work, hidden, sequences, pruning.Prune(index)) : sequences;
        if (!Config.LastLayerPrunes) trace?.Output(index, work.Hidden, after);
        return after;
    }

    /// <summary>hidden += (x·Wᵀ + bias)·scale.</summary>
    private void Add(Tensor x, Matrix weight, Tensor bias, Tensor? scale, Tensor scratch, Tensor hidden)
    {
        if (scale is not { } channels)
        {
            _backend.Linear(x, weight, bias, Activation.None, residual: hidden, hidden);
            return;
        }

        _backend.Linear(x, weight, bias, Activation.None, null, scratch);
        _backend.LayerScale(scratch, channels, hidden);
    }

    private void Attend(VisionLayer layer, VisionWorkspace work, Tensor qkv, Tensor output, Sequences sequences, AttentionExport? export)
    {
        var d = Config.HiddenSize;
        Tensor query = qkv.SliceColumns(0, d), key = qkv.SliceColumns(d, d), value = qkv.SliceColumns(2 * d, d);
        if (layer.QueryNorm is { } queryNorm) _backend.RmsNorm(query, queryNorm, Config.LayerNormEpsilon, query);
        if (layer.KeyNorm is { } keyNorm) _backend.RmsNorm(key, keyNorm, Config.LayerNormEpsilon, key);
        if (work.Positions is { } positions)
        {
            var at = RotaryPositions.TwoAxes(new IndexView(positions, 0, 2 * sequences.Rows), Config.HeadSize / 2);
            _backend.RotaryAppend(query, key, value, at, _inverseFrequencies!.Value, Config.HeadSize, key, value);
        }

        var scale = 1 / MathF.Sqrt(Config.HeadSize);
        _backend.Attention(new AttentionArguments
        {
            Query = query,
            Key = key,
            Value = value,
            Output = output,
            Heads = Config.Heads,
            KeyValueHeads = Config.Heads,
            HeadSize = Config.HeadSize,
            Scale = scale,
            Queries = sequences,
            Keys = sequences,
            Export = Config.HasClass ? export : null,
        });
        if (export is null || Config.HasClass) return;
        // the means stand for the CLS token
        Tensor meanQuery = work.GlobalQuery.SliceRows(0, sequences.Count), meanValue = work.GlobalValue.SliceRows(0, sequences.Count);
        _backend.SequenceMean(query, sequences, meanQuery);
        _backend.SequenceMean(value, sequences, meanValue);
        _backend.AttentionRow(new AttentionRowArguments
        {
            Query = meanQuery,
            GlobalValue = meanValue,
            Key = key,
            Value = value,
            Keys = sequences,
            Heads = Config.Heads,
            KeyValueHeads = Config.Heads,
            HeadSize = Config.HeadSize,
            Scale = scale,
            Export = export,
        });
    }

    private Sequences Drop(VisionWorkspace work, Tensor hidden, Sequences sequences, RowSelection? selected)
    {
        if (selected is not { } selection) return sequences;
        var rows = selection.Sequences.Rows;
        var kept = work.Spare.SliceRows(0, rows);
        if (selection.Sequences.OnDevice is { } offsets)
            _backend.DeviceCounts!.GatherRows(hidden, selection.Rows, offsets.Slice(selection.Sequences.Count, 1), kept);
        else
            _backend.GatherRows(hidden, selection.Rows, kept);
        if (work is { Positions: { } positions, PositionsSpare: { } spare })
        {
            for (var axis = 0; axis < 2; axis++)
                _backend.GatherIndices(new IndexView(positions, axis * sequences.Rows, sequences.Rows), selection.Rows, new IndexView(spare, axis * rows, rows));
        }

        work.SwapHidden();
        return selection.Sequences;
    }
}
