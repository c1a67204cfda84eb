using System.Diagnostics;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Benchmarking;

/// <summary>
/// The parts of a model, each to be run and timed alone: one call is one run, so that a caller can interleave what it
/// compares. Weights are a checkpoint's or random ones of true shapes.
/// </summary>
public sealed class ModelBenchmark : IDisposable
{
    private const string TowerAlone = "clip-l-336";

    /// <summary>Crops of a picture that is cut: a base and four tiles, or a thumbnail.</summary>
    private const int UsualCrops = 5;

    private readonly Backend _backend;
    private readonly Checkpoint _checkpoint;
    private readonly ModelParts? _parts;
    private readonly VisionEncoder _encoder;
    private readonly LanguageDecoder? _oneLayer;
    private readonly PictureCrop[] _crops;
    private readonly ModelDescription _description;
    private readonly DecodeStep _step;
    private readonly Tensor _logits;
    private readonly Dictionary<IPruningStrategy, int> _entering = [];
    private KeyValueCache? _cache;
    private RepeatedWork? _decoding;

    private ModelBenchmark(ModelFamily family, Checkpoint checkpoint, Backend backend, ModelParts? parts, VisionEncoder encoder, LanguageDecoder? oneLayer)
    {
        (_backend, _checkpoint, _parts, _encoder, _oneLayer) = (backend, checkpoint, parts, encoder, oneLayer);
        _step = backend.AllocateStep();
        _logits = backend.Allocate(1, parts?.Decoder.Config.VocabularySize ?? 1, Precision.Single);
        _description = family.Description;
        WholeLayers = family.Description.Language.Layers;
        _crops = MakeCrops(encoder.Config, parts is null ? 1 : Math.Min(UsualCrops, family.Description.PictureCrops), encoder.UsualTokens);
        PictureTokens = _crops.Sum(c => c.Grid.Columns * c.Grid.Rows) / encoder.Config.GroupSize;
        BudgetTokens = family.Description.Form == PictureForm.Tiles ? PictureTokens / _crops.Length : PictureTokens;
    }

    /// <summary>Names for <see cref="Synthetic"/>.</summary>
    public static IReadOnlyList<string> SyntheticNames { get; } = [TowerAlone, .. SyntheticConfigs.Names];

    public VisionConfig Vision => _encoder.Config;

    public int VisionLayersRun => _encoder.LayersRun;

    /// <summary>Null where only the vision tower is measured. Its layers are those that are loaded.</summary>
    public LanguageConfig? Language => _parts?.Decoder.Config;

    /// <summary>Layers of the whole language model.</summary>
    public int WholeLayers { get; }

    /// <summary>Visual tokens of the picture that is run, unpruned; in <see cref="Crops"/> sequences.</summary>
    public int PictureTokens { get; }

    /// <summary>What a budget is a part of: the picture's tokens, or those of a tile.</summary>
    public int BudgetTokens { get; }

    public int Crops => _crops.Length;

    public long WeightBytes => _checkpoint.TotalBytes;

    /// <exception cref="InputException">The folder is no model.</exception>
    public static ModelBenchmark Open(string folder, string? visionTower, Backend backend)
    {
        var family = ModelFamilies.Read(folder, visionTower);
        return Create(family, family.OpenCheckpoint(), backend, family.Description.Language);
    }

    /// <param name="name">One of <see cref="SyntheticNames"/>.</param>
    /// <param name="layers">Decoder layers to make, at least 2; null: 4, from which a whole model's time is scaled.</param>
    /// <param name="backend">Not owned.</param>
    /// <exception cref="InputException">An unknown name or too few layers.</exception>
    public static ModelBenchmark Synthetic(string name, int? layers, Backend backend)
    {
        if (!SyntheticNames.Contains(name)) throw new InputException($"there is no synthetic model '{name}'; there are {string.Join(", ", SyntheticNames)}");
        if (layers is < 2) throw new InputException($"at least 2 decoder layers are needed to tell a layer's time, not {layers}");
        var family = SyntheticConfigs.Read(name == TowerAlone ? "llava-1.5-7b" : name);
        var d = family.Description;
        var checkpoint = new SyntheticCheckpoint();
        if (name != TowerAlone) return Create(family, checkpoint, backend, d.Language with { Layers = Math.Min(layers ?? 4, d.Language.Layers) });
        var encoder = new VisionEncoder(backend, d.Vision, checkpoint, family.VisionNames, d.VisionLayersRun, d.Form);
        return new ModelBenchmark(family, checkpoint, backend, null, encoder, null);
    }

    /// <summary>For <see cref="Backend.Prepare"/>, and to learn which kernels the model needs. Not where only the vision tower is measured.</summary>
    public void Rehearse() => _parts!.Rehearse();

    /// <summary>One picture through the encoder and, where there is one, the connector. Milliseconds.</summary>
    public double RunVision(IPruningStrategy? strategy, CancellationToken cancellation) => RunVision(strategy, _crops, cancellation);

    /// <summary>The same crop by crop, to see what one batch is worth. Milliseconds.</summary>
    public double RunVisionOneByOne(IPruningStrategy? strategy, CancellationToken cancellation) =>
        _crops.Sum(crop => RunVision(strategy, [crop], cancellation));

    /// <summary>
    /// Reads a prompt of <paramref name="tokens"/>. With fewer layers loaded than <paramref name="scaleToLayers"/>, the
    /// time of a whole model: that of one layer and the head, plus the missing layers at the time of a middle one.
    /// Milliseconds.
    /// </summary>
    public double RunPrefill(int tokens, int scaleToLayers, CancellationToken cancellation)
    {
        var all = Prefill(_parts!.Decoder, tokens, cancellation);
        var layers = _parts.Decoder.Config.Layers;
        if (scaleToLayers <= layers) return all;
        var one = Prefill(_oneLayer!, tokens, cancellation);
        return one + (all - one) / (layers - 1) * (scaleToLayers - 1);
    }

    /// <summary>
    /// Reads a prompt about the picture as <paramref name="strategy"/> leaves it, with what it does in the language model, scaled as
    /// <see cref="RunPrefill(int, int, CancellationToken)"/> does. Of two loaded layers, behind the last of which nothing can be dropped,
    /// both have all that enters. Milliseconds.
    /// </summary>
    /// <exception cref="InputException">The strategy does not fit the model; or it drops tokens in a language model of which only some layers are loaded, and is none of FlowCut's.</exception>
    public double RunPrefill(IPruningStrategy? strategy, int textTokens, int scaleToLayers, CancellationToken cancellation)
    {
        if (strategy is not null and not FlowCutStrategy) return RunPrefill(strategy, Entering(strategy, cancellation), textTokens, scaleToLayers, cancellation);
        var cost = CostOf(strategy);
        var decoder = _parts!.Decoder;
        var layers = decoder.Config.Layers;
        if (cost.Kept == cost.Entered) return RunPrefill(cost.Entered + textTokens, scaleToLayers, cancellation);
        using var stage = layers > 2 ? strategy!.BeginDecoder(Stage(cost.Entered, textTokens)) : null;
        var all = Prefill(decoder, cost.Entered + textTokens, cancellation, stage);
        if (scaleToLayers <= layers) return all;
        var behind = (Prefill(decoder, cost.Kept + textTokens, cancellation) - Prefill(_oneLayer!, cost.Kept + textTokens, cancellation)) / (layers - 1);
        return all + behind * (scaleToLayers - layers);
    }

    /// <summary>A strategy with layers of its own cannot be scaled from few layers to all.</summary>
    private double RunPrefill(IPruningStrategy strategy, int entering, int textTokens, int scaleToLayers, CancellationToken cancellation)
    {
        using var stage = strategy.BeginDecoder(Stage(entering, textTokens));
        if (stage is null) return RunPrefill(entering + textTokens, scaleToLayers, cancellation);
        var decoder = _parts!.Decoder;
        return scaleToLayers <= decoder.Config.Layers
            ? Prefill(decoder, entering + textTokens, cancellation, stage)
            : throw new InputException($"{strategy.Name} drops tokens at layers of its own, which {decoder.Config.Layers} of {scaleToLayers} layers cannot tell the time of; make all of them (--layers {scaleToLayers})");
    }

    /// <summary>Visual tokens that enter the language model.</summary>
    private int Entering(IPruningStrategy strategy, CancellationToken cancellation)
    {
        if (!strategy.PrunesEncoder) return PictureTokens;
        if (_entering.TryGetValue(strategy, out var known)) return known;
        var tokens = EncodedCrops.Run(_parts!, _crops, strategy, null, TraceForm.Crops, cancellation).Tokens;
        tokens.Buffer.Dispose();
        return _entering[strategy] = tokens.Rows;
    }

    /// <summary>Appends one token after <paramref name="context"/> others with the layers that are loaded, and chooses the next. Milliseconds.</summary>
    public double RunDecode(int context, CancellationToken cancellation)
    {
        if (_cache is null || _cache.Capacity < context + 1)
        {
            _decoding?.Dispose();
            _cache?.Dispose();
            _cache = _parts!.Decoder.CreateCache(context + 1, 1);
            _decoding = _parts.Decoder.Decoding([(0, _step)], _cache, _logits);
        }

        var start = Stopwatch.GetTimestamp();
        _step.MoveTo(7919 % _parts!.Decoder.Config.VocabularySize, context, context);
        _decoding!.Run(cancellation);
        _backend.ArgMax(_logits);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Bytes of weights that one decoded token reads.</summary>
    public double DecodeBytes()
    {
        var l = Language!;
        double attention = l.Heads * l.HeadSize, keyValue = l.KeyValueHeads * l.HeadSize;
        return 2.0 * (l.Layers * (l.HiddenSize * (2 * attention + 2 * keyValue) + 3.0 * l.HiddenSize * l.IntermediateSize) + (double)l.VocabularySize * l.HiddenSize);
    }

    /// <summary>Multiplications and additions of one unpruned picture.</summary>
    public double VisionFlops()
    {
        double d = Vision.HiddenSize, flops = 0;
        foreach (var crop in _crops)
        {
            double patches = crop.Grid.Columns * crop.Grid.Rows, n = patches + (Vision.HasClass ? 1 : 0);
            flops += VisionLayersRun * (2 * n * (4 * d * d + 2 * d * Vision.IntermediateSize) + 4 * n * n * d) + 2 * patches * d * Vision.PatchInputs;
        }

        return flops + (_parts is null ? 0 : 2.0 * PictureTokens * _parts.Connector.MultiplicationsPerToken);
    }

    public void Dispose()
    {
        _decoding?.Dispose();
        _step.Dispose();
        _cache?.Dispose();
        _logits.Buffer.Dispose();
        _encoder.Dispose();
        _parts?.Dispose();
        _oneLayer?.Dispose();
        _checkpoint.Dispose();
    }

    private static ModelBenchmark Create(ModelFamily family, Checkpoint checkpoint, Backend backend, LanguageConfig language)
    {
        var parts = ModelParts.Load(family, language, checkpoint, backend, new LoadOptions());
        var oneLayer = new LanguageDecoder(backend, language with { Layers = 1 }, checkpoint, family.LanguageNames);
        return new ModelBenchmark(family, checkpoint, backend, parts, parts.Encoder, oneLayer);
    }

    private static PictureCrop[] MakeCrops(VisionConfig config, int count, int tokens)
    {
        var random = new Random(1);
        var side = config.ImageSize > 0 ? config.PatchesPerSide : (int)Math.Sqrt(tokens * config.GroupSize);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var values = new float[side * side * config.PatchInputs];
            for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() * 4 - 2;
            var grid = new PatchGrid(side, side, 0, 0, side, side) { GroupSide = config.ImageSize > 0 ? 1 : 2 };
            return new PictureCrop(values, new RgbImage(1, 1, new byte[3]), grid);
        })];
    }

    private double RunVision(IPruningStrategy? strategy, PictureCrop[] crops, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        if (_parts is not null)
        {
            EncodedCrops.Run(_parts, crops, strategy, null, TraceForm.Crops, cancellation).Tokens.Buffer.Dispose();
        }
        else
        {
            var records = crops.Select(crop => _encoder.CreateRecord(crop.Grid.Columns * crop.Grid.Rows)).ToArray();
            _encoder.Encode(crops, strategy, null, records, null, cancellation);
        }

        _backend.Wait();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Visual tokens of the picture that is run, as a strategy leaves them.</summary>
    private BudgetCost CostOf(IPruningStrategy? strategy) =>
        new(_description with { PictureTokens = PictureTokens, PictureCrops = Crops }, new MemoryNeeds(_description, 0, StoredType.Float16), strategy?.Keep, 0);

    private DecoderStage Stage(int visual, int text)
    {
        var l = _parts!.Decoder.Config;
        return new DecoderStage
        {
            Backend = _backend,
            Layers = l.Layers,
            Heads = l.Heads,
            KeyValueHeads = l.KeyValueHeads,
            HeadSize = l.HeadSize,
            RopeTheta = l.RotarySections is null ? l.RopeTheta : null,
            Form = _description.Form,
            Rows = visual + text,
            Pictures = [new VisualRows(0, visual, [])],
        };
    }

    private double Prefill(LanguageDecoder decoder, int tokens, CancellationToken cancellation, IDecoderPruning? stage = null)
    {
        using var cache = decoder.CreateCache(tokens, 0, stage?.Events);
        var inputs = _backend.Allocate(tokens, decoder.Config.HiddenSize, Precision.Single);
        var axes = decoder.Config.RotarySections is null ? 1 : 3;
        using var numbers = _backend.AllocateIndices(axes * tokens);
        try
        {
            var ids = new int[tokens];
            var positions = new int[axes * tokens];
            for (var i = 0; i < tokens; i++) ids[i] = (int)(i * 7919L % decoder.Config.VocabularySize);
            for (var i = 0; i < positions.Length; i++) positions[i] = i % tokens;
            _backend.Upload(positions, numbers);
            decoder.Embed(ids, inputs);
            _backend.Wait();
            var start = Stopwatch.GetTimestamp();
            decoder.Forward(new PromptRun { Inputs = inputs, Positions = decoder.Positions(new IndexView(numbers, 0, positions.Length)), Pruning = stage }, cache, _logits, cancellation);
            _backend.Wait();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        finally
        {
            inputs.Buffer.Dispose();
        }
    }
}
