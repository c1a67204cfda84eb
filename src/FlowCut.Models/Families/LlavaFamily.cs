using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>LLaVA-1.5: CLIP, a two-layer projector and Llama; in Hugging Face's layout and in the authors' own (spec/models.md, section 5.1).</summary>
internal sealed class LlavaFamily : ModelFamily
{
    internal const string VisionPrefix = "vision_tower.vision_model.";
    internal const string ProjectorFirst = "multi_modal_projector.linear_1";
    internal const string ProjectorSecond = "multi_modal_projector.linear_2";
    internal const string LanguagePrefix = "language_model.";

    private readonly Backend _backend;
    private readonly Checkpoint _checkpoint;
    private readonly ClipEncoder _encoder;
    private readonly LlavaProjector _projector;
    private readonly ClipPreprocessor _preprocessor;

    /// <param name="layout">What was read from the model's folder.</param>
    /// <param name="backend">Not owned.</param>
    /// <param name="options">Progress, and how the encoder runs.</param>
    public LlavaFamily(LlavaLayout layout, Backend backend, LoadOptions options)
    {
        _backend = backend;
        _checkpoint = layout.Checkpoint;
        try
        {
            Description = layout.Description;
            EndTokens = layout.EndTokens;
            Tokenizer = layout.Tokenizer;
            _preprocessor = layout.Preprocessor;
            var vision = layout.Description.Vision;
            var language = layout.Description.Language;
            var loading = new LoadingProgress(options.Progress, _checkpoint) { Part = "vision encoder" };
            _encoder = new ClipEncoder(backend, vision, _checkpoint, VisionPrefix, layout.Description.VisionLayersRun, options.EncoderWork);
            loading.Part = "projector";
            _projector = new LlavaProjector(backend, _checkpoint, ProjectorFirst, ProjectorSecond, vision.HiddenSize, language.HiddenSize);
            loading.Part = "language model";
            Decoder = new LlamaDecoder(backend, language, _checkpoint, LanguagePrefix);
            backend.Wait();
            loading.Finish();
        }
        catch
        {
            _checkpoint.Dispose();
            throw;
        }
    }

    public override ModelDescription Description { get; }

    public override Tokenizer Tokenizer { get; }

    public override LlamaDecoder Decoder { get; }

    public override IReadOnlyList<int> EndTokens { get; }

    public override long WeightBytes => _checkpoint.TotalBytes;

    public override PreprocessedPicture Prepare(RgbImage picture, PreprocessMode mode) => _preprocessor.Prepare(picture, mode, Description.Vision.PatchSize);

    public override EncodedPicture[] Encode(IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation)
    {
        var records = new PruningRecord[pictures.Count];
        for (var i = 0; i < records.Length; i++)
        {
            records[i] = new PruningRecord(Description.PictureTokens);
            var prefix = Trace.Prefix(i, records.Length);
            var side = Description.Vision.ImageSize;
            trace?.Add(prefix + "vision.resized", pictures[i].Resized.Pixels, side, side, 3);
            trace?.Add(prefix + "vision.pixel_values", pictures[i].PixelValues, 3, side, side);
        }

        var (hidden, sequences) = _encoder.Encode([.. pictures.Select(p => p.PixelValues)], strategy, records, trace, cancellation);
        var encoded = new EncodedPicture[records.Length];
        for (var i = 0; i < encoded.Length; i++)
        {
            // without its CLS row
            var features = hidden.SliceRows(sequences.Start(i) + 1, sequences.Length(i) - 1);
            encoded[i] = new EncodedPicture(_projector.Project(features), records[i]);
            if (trace is null) continue;
            var prefix = Trace.Prefix(i, records.Length);
            trace.AddRecord(prefix, records[i]);
            trace.AddRows(prefix + "vision.features", _backend, features);
            trace.AddRows(prefix + "projector.output", _backend, encoded[i].Tokens);
        }

        return encoded;
    }

    public override void Rehearse() => LlavaRehearsal.Run(_backend, _encoder, _projector, Decoder);

    public override string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures) =>
        VicunaTemplate.Apply(turns, system, pictures);

    /// <summary>Each side of a picture is tokenized by itself, as the authors' code does.</summary>
    public override PromptTokens Tokenize(string prompt)
    {
        var ids = new List<int>();
        if (Tokenizer.AddsBos && Tokenizer.BosId is { } bos) ids.Add(bos);
        var parts = prompt.Split(VicunaTemplate.PictureMarker);
        for (var i = 0; i < parts.Length; i++)
        {
            if (i > 0) ids.Add(PromptTokens.Picture);
            ids.AddRange(Tokenizer.Encode(parts[i]));
        }

        return new PromptTokens([.. ids]);
    }

    public override void Dispose()
    {
        _encoder.Dispose();
        Decoder.Dispose();
        _checkpoint.Dispose();
    }
}
