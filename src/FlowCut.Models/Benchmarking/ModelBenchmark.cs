using System.Diagnostics;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
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
    private readonly Backend _backend;
    private readonly Checkpoint _checkpoint;
    private readonly ClipEncoder _encoder;
    private readonly LlavaProjector? _projector;
    private readonly LlamaDecoder? _decoder, _oneLayer;
    private readonly float[] _pixels;
    private readonly DecodeStep _step;
    private readonly Tensor _logits;
    private KeyValueCache? _cache;
    private RepeatedWork? _decoding;

    private ModelBenchmark(Backend backend, Checkpoint checkpoint, ClipEncoder encoder, LlavaProjector? projector, LlamaDecoder? decoder, LlamaDecoder? oneLayer)
    {
        _backend = backend;
        _checkpoint = checkpoint;
        _encoder = encoder;
        _projector = projector;
        _decoder = decoder;
        _oneLayer = oneLayer;
        _step = backend.AllocateStep();
        _logits = backend.Allocate(1, decoder?.Config.VocabularySize ?? 1, Precision.Single);
        var random = new Random(1);
        _pixels = new float[3 * encoder.Config.ImageSize * encoder.Config.ImageSize];
        for (var i = 0; i < _pixels.Length; i++) _pixels[i] = random.NextSingle() * 4 - 2;
    }

    /// <summary>Names for <see cref="Synthetic"/>.</summary>
    public static IReadOnlyList<string> SyntheticNames { get; } = ["clip-l-336", "llava-1.5-7b"];

    public ClipConfig Vision => _encoder.Config;

    public int VisionLayersRun => _encoder.LayersRun;

    /// <summary>Null where only the vision tower is measured. Its layers are those that are loaded.</summary>
    public LlamaConfig? Language => _decoder?.Config;

    public long WeightBytes => _checkpoint.TotalBytes;

    /// <exception cref="InputException">The folder is no model.</exception>
    public static ModelBenchmark Open(string folder, string? visionTower, Backend backend)
    {
        var layout = ModelFamilies.ReadLayout(folder, visionTower);
        var checkpoint = layout.Checkpoint;
        var (vision, language) = (layout.Description.Vision, layout.Description.Language);
        return new ModelBenchmark(
            backend, checkpoint,
            new ClipEncoder(backend, vision, checkpoint, LlavaFamily.VisionPrefix, layout.Description.VisionLayersRun),
            new LlavaProjector(backend, checkpoint, LlavaFamily.ProjectorFirst, LlavaFamily.ProjectorSecond, vision.HiddenSize, language.HiddenSize),
            new LlamaDecoder(backend, language, checkpoint, LlavaFamily.LanguagePrefix),
            new LlamaDecoder(backend, language with { Layers = 1 }, checkpoint, LlavaFamily.LanguagePrefix));
    }

    /// <param name="name">One of <see cref="SyntheticNames"/>.</param>
    /// <param name="layers">Decoder layers to make, at least 2; null: 4, from which a whole model's time is scaled.</param>
    /// <param name="backend">Not owned.</param>
    /// <exception cref="InputException">An unknown name or too few layers.</exception>
    public static ModelBenchmark Synthetic(string name, int? layers, Backend backend)
    {
        if (!SyntheticNames.Contains(name)) throw new InputException($"there is no synthetic model '{name}'; there are {string.Join(", ", SyntheticNames)}");
        if (layers is < 2) throw new InputException($"at least 2 decoder layers are needed to tell a layer's time, not {layers}");
        var vision = ClipConfig.Large336;
        var layersRun = vision.Layers - 1;
        var checkpoint = new SyntheticCheckpoint();
        SyntheticWeights.AddClip(checkpoint, vision, LlavaFamily.VisionPrefix, layersRun);
        var encoder = new ClipEncoder(backend, vision, checkpoint, LlavaFamily.VisionPrefix, layersRun);
        if (name == "clip-l-336") return new ModelBenchmark(backend, checkpoint, encoder, null, null, null);
        var language = LlamaConfig.Vicuna7B with { Layers = layers ?? 4 };
        SyntheticWeights.AddProjector(checkpoint, LlavaFamily.ProjectorFirst, LlavaFamily.ProjectorSecond, vision.HiddenSize, language.HiddenSize);
        SyntheticWeights.AddLlama(checkpoint, language, LlavaFamily.LanguagePrefix);
        return new ModelBenchmark(
            backend, checkpoint, encoder,
            new LlavaProjector(backend, checkpoint, LlavaFamily.ProjectorFirst, LlavaFamily.ProjectorSecond, vision.HiddenSize, language.HiddenSize),
            new LlamaDecoder(backend, language, checkpoint, LlavaFamily.LanguagePrefix),
            new LlamaDecoder(backend, language with { Layers = 1 }, checkpoint, LlavaFamily.LanguagePrefix));
    }

    /// <summary>For <see cref="Backend.Prepare"/>, and to learn which kernels the model needs. Not where only the vision tower is measured.</summary>
    public void Rehearse() => LlavaRehearsal.Run(_backend, _encoder, _projector!, _decoder!);

    /// <summary>One picture through the encoder and, where there is one, the projector. Milliseconds.</summary>
    public double RunVision(IPruningStrategy? strategy, CancellationToken cancellation)
    {
        PruningRecord[] records = [new(Vision.Patches)];
        var start = Stopwatch.GetTimestamp();
        var (hidden, sequences) = _encoder.Encode([_pixels], strategy, records, null, cancellation);
        if (_projector is not null) _projector.Project(hidden.SliceRows(1, sequences.Rows - 1)).Buffer.Dispose();
        _backend.Wait();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>
    /// Reads a prompt of <paramref name="tokens"/>. With fewer layers loaded than <paramref name="scaleToLayers"/>, the
    /// time of a whole model: that of one layer and the head, plus the missing layers at the time of a middle one.
    /// Milliseconds.
    /// </summary>
    public double RunPrefill(int tokens, int scaleToLayers, CancellationToken cancellation)
    {
        var all = Prefill(_decoder!, tokens, cancellation);
        var layers = _decoder!.Config.Layers;
        if (scaleToLayers <= layers) return all;
        var one = Prefill(_oneLayer!, tokens, cancellation);
        return one + (all - one) / (layers - 1) * (scaleToLayers - 1);
    }

    /// <summary>Appends one token after <paramref name="context"/> others with the layers that are loaded, and chooses the next. Milliseconds.</summary>
    public double RunDecode(int context, CancellationToken cancellation)
    {
        if (_cache is null || _cache.Capacity < context + 1)
        {
            _decoding?.Dispose();
            _cache?.Dispose();
            _cache = _decoder!.CreateCache(context + 1);
            _decoding = _decoder.Decoding(_step, _cache, _logits);
        }

        var start = Stopwatch.GetTimestamp();
        _step.MoveTo(7919 % _decoder!.Config.VocabularySize, context, context);
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
        double n = Vision.Patches + 1, d = Vision.HiddenSize;
        var perLayer = 2 * n * (4 * d * d + 2 * d * Vision.IntermediateSize) + 4 * n * n * d;
        var patches = 2.0 * Vision.Patches * d * 3 * Vision.PatchSize * Vision.PatchSize;
        var projector = Language is { } l ? 2.0 * Vision.Patches * ((double)d * l.HiddenSize + (double)l.HiddenSize * l.HiddenSize) : 0;
        return VisionLayersRun * perLayer + patches + projector;
    }

    public void Dispose()
    {
        _decoding?.Dispose();
        _step.Dispose();
        _cache?.Dispose();
        _logits.Buffer.Dispose();
        _encoder.Dispose();
        _decoder?.Dispose();
        _oneLayer?.Dispose();
        _checkpoint.Dispose();
    }

    private double Prefill(LlamaDecoder decoder, int tokens, CancellationToken cancellation)
    {
        using var cache = decoder.CreateCache(tokens);
        var inputs = _backend.Allocate(tokens, decoder.Config.HiddenSize, Precision.Single);
        try
        {
            var ids = new int[tokens];
            var positions = new int[tokens];
            for (var i = 0; i < tokens; i++)
            {
                ids[i] = (int)(i * 7919L % decoder.Config.VocabularySize);
                positions[i] = i;
            }

            decoder.Embed(ids, inputs);
            _backend.Wait();
            var start = Stopwatch.GetTimestamp();
            decoder.Forward(inputs, positions, cache, _logits, null, cancellation);
            _backend.Wait();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        finally
        {
            inputs.Buffer.Dispose();
        }
    }
}
