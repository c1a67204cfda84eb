using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>Qwen2-VL: pictures at their own resolution, 2×2 patches to a token, positions by time, row and column (spec/models.md, section 5.4).</summary>
internal sealed class Qwen2VlFamily : ModelFamily
{
    private const string Pad = "<|image_pad|>";

    private readonly JsonSection _text;

    public Qwen2VlFamily(string folder, JsonSection config)
        : base(folder, config)
    {
        _text = config.IsObject("text_config") ? config.Section("text_config") : config;
        var language = LanguageConfig.Read(_text, config, "qwen2");
        if (language.RotarySections is null) throw config.Error("'mrope_section' is missing: the model's positions have three axes");
        var vision = VisionConfigs.Qwen2Vl(config.Section("vision_config"));
        var file = ProcessorConfig.Find(folder);
        var most = File.Exists(file) ? Qwen2VlPreprocessor.Load(file).Sizes.MaxPixels : PublishedMaxPixels;
        var token = vision.PatchSize * vision.PatchSize * vision.GroupSize;
        Description = new ModelDescription
        {
            ModelType = "qwen2_vl",
            Family = "Qwen2-VL",
            Layout = "Hugging Face",
            Vision = vision,
            VisionLayersRun = vision.Layers,
            Language = language,
            Form = PictureForm.Native,
            PictureTokens = (int)Math.Max(1, most / token),
        };
        Connector = new ConnectorConfig
        {
            First = "visual.merger.mlp.0",
            Second = "visual.merger.mlp.2",
            Norm = "visual.merger.ln_q",
            NormEpsilon = vision.LayerNormEpsilon,
            Group = vision.GroupSize,
            Inputs = vision.HiddenSize,
            Hidden = vision.HiddenSize * vision.GroupSize,
            Outputs = language.HiddenSize,
        };
    }

    public override ModelDescription Description { get; }

    public override ConnectorConfig Connector { get; }

    public override VisionTensorNames VisionNames { get; } = VisionTensorNames.Qwen2Vl("visual.");

    public override LanguageTensorNames LanguageNames { get; } = LanguageTensorNames.Llama("model.", "lm_head.weight");

    public override int MaxPictures => int.MaxValue;

    public override IReadOnlyList<int> EndTokens => ReadEndTokens(_text.Has("eos_token_id") ? _text : Config);

    /// <summary>What the hub's checkpoints say.</summary>
    private const long PublishedMaxPixels = 12845056;

    public override void CheckFiles() =>
        _ = (EndTokens, RequireToken("<|vision_start|>"), RequireToken(Pad), RequireToken("<|vision_end|>"), Processor(new PictureOptions()));

    public override Checkpoint OpenCheckpoint() => new CompositeCheckpoint((Checkpoint.Open(Folder), OldName));

    public override int BudgetTokens(RgbImage picture, PictureOptions options)
    {
        var processor = Processor(options);
        var (width, height) = processor.Sizes.Choose(picture.Width, picture.Height, picture.Name);
        return width / processor.PatchSize * (height / processor.PatchSize) / Description.Vision.GroupSize;
    }

    public override PreprocessedPicture Prepare(RgbImage picture, PictureOptions options)
    {
        var crop = Processor(options).Prepare(picture);
        return new PreprocessedPicture([crop], crop.Grid.Columns * crop.Grid.Rows / Description.Vision.GroupSize);
    }

    /// <summary>All pictures at once: sequences of one batch, each with its own counts.</summary>
    public override EncodedPicture[] Encode(ModelParts parts, IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation)
    {
        var crops = EncodedCrops.Run(parts, [.. pictures.Select(p => p.Crops[0])], strategy, trace, TraceForm.Together, cancellation);
        if (pictures.Count == 1) return [Picture(crops.Tokens, 0)];
        try
        {
            return [.. pictures.Select((_, i) => Picture(crops.CopyCrop(parts.Backend, i), i))];
        }
        finally
        {
            crops.Tokens.Buffer.Dispose();
        }

        EncodedPicture Picture(Backends.Tensor tokens, int index)
        {
            var grid = pictures[index].Crops[0].Grid;
            var record = crops.Records[index];
            return new EncodedPicture(tokens, [record], crops.NumbersOf(index) ?? Numbers(record), pictures[index].Tokens, crops.SourcesOf(index)) { Grid = (grid.Columns / 2, grid.Rows / 2) };
        }
    }

    public override string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures) =>
        new ChatMlTemplate { System = "You are a helpful assistant.", PictureEnd = "" }.Apply(turns, system, pictures);

    public override PromptTokens Tokenize(string prompt) =>
        PromptTokens.Of(Tokenizer, prompt.Replace(PictureMarker, $"<|vision_start|>{Pad}<|vision_end|>", StringComparison.Ordinal), RequireToken(Pad));

    public override int[] TraceIds(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures) =>
        prompt.Expand(RequireToken(Pad), [.. pictures.Select(p => p.Unpruned)]);

    private Qwen2VlPreprocessor Processor(PictureOptions options)
    {
        Refuse(options.MaxTiles is not null, "a greatest number of tiles (--max-tiles)");
        var processor = Qwen2VlPreprocessor.Load(ProcessorConfig.Find(Folder), options.MinPixels, options.MaxPixels);
        var vision = Description.Vision;
        return (processor.PatchSize, processor.MergeSize * processor.MergeSize, processor.Frames) == (vision.PatchSize, vision.GroupSize, vision.Frames)
            ? processor
            : throw new ModelFormatException(processor.File, $"cuts patches of {processor.PatchSize} pixels and {processor.Frames} frames, the vision tower takes {vision.PatchSize} and {vision.Frames}");
    }

    /// <summary>The groups that are left; where single patches were selected, whose fours are no groups, the picture's first ones, as released.</summary>
    private static int[] Numbers(PruningRecord record) => record.Layers.Any(l => l is { Kept: not null, KeptGroups: null })
        ? [.. Enumerable.Range(0, record.Kept.Length / 4)]
        : [.. record.Kept.Where((_, i) => i % 4 == 0).Select(patch => patch / 4)];

    /// <summary>Brings the names of newer checkpoints to those of older ones.</summary>
    private static string? OldName(string name) =>
        name.StartsWith("model.visual.", StringComparison.Ordinal) ? name["model.".Length..]
        : name.StartsWith("model.language_model.", StringComparison.Ordinal) ? "model." + name["model.language_model.".Length..]
        : name.EndsWith(".inv_freq", StringComparison.Ordinal) ? null
        : name;
}
