using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>
/// LLaVA-1.5: a CLIP or SigLIP tower, a two-layer projector, and Llama, Mistral or Qwen2; in Hugging Face's layout and in the
/// authors' own (spec/models.md, section 5.1).
/// </summary>
internal class LlavaFamily : ModelFamily
{
    private const string VisionPrefix = "vision_tower.vision_model.";
    private const string LanguagePrefix = "language_model.";

    private readonly LlavaLayout _layout;
    private readonly Lazy<Func<RgbImage, PreprocessMode, PictureCrop>> _preprocessor;

    public LlavaFamily(string folder, JsonSection config, LlavaLayout layout)
        : base(folder, config)
    {
        _layout = layout;
        _preprocessor = new(OpenPreprocessor);
        Description = new ModelDescription
        {
            ModelType = config.String("model_type"),
            Family = "LLaVA-1.5",
            Layout = layout.Name,
            Vision = layout.Vision,
            VisionLayersRun = LayersRun(layout.Vision, layout.FeatureLayer, config),
            Language = layout.Language,
            Form = PictureForm.Square,
            PictureTokens = layout.Vision.Patches,
        };
        Connector = new ConnectorConfig
        {
            First = "multi_modal_projector.linear_1",
            Second = "multi_modal_projector.linear_2",
            Inputs = layout.Vision.HiddenSize,
            Hidden = layout.Language.HiddenSize,
            Outputs = layout.Language.HiddenSize,
        };
    }

    public override ModelDescription Description { get; }

    public override ConnectorConfig Connector { get; }

    public override VisionTensorNames VisionNames { get; } = VisionTensorNames.Clip(VisionPrefix);

    public override LanguageTensorNames LanguageNames { get; } = LanguageTensorNames.Llama(LanguagePrefix + "model.", LanguagePrefix + "lm_head.weight");

    public override IReadOnlyList<int> EndTokens => ReadEndTokens(_layout.Text);

    /// <summary>Where the tower's settings for pictures are.</summary>
    public string PreprocessorFile => ProcessorConfig.Find(_layout.TowerFolder);

    public override void CheckFiles()
    {
        _ = (Tokenizer, EndTokens);
        if (_layout.PictureToken >= Description.Language.VocabularySize)
            throw Config.Error($"the picture token {_layout.PictureToken} is beyond the vocabulary of {Description.Language.VocabularySize}");
        CheckPreprocessor();
    }

    public override Checkpoint OpenCheckpoint() => _layout.Open();

    public override int BudgetTokens(RgbImage picture, PictureOptions options) => Description.PictureTokens;

    public override PreprocessedPicture Prepare(RgbImage picture, PictureOptions options)
    {
        RefuseLimits(options);
        return new PreprocessedPicture([_preprocessor.Value(picture, options.Mode)], Description.PictureTokens);
    }

    public override EncodedPicture[] Encode(ModelParts parts, IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation)
    {
        var crops = EncodedCrops.Run(parts, [.. pictures.Select(p => p.Crops[0])], strategy, trace, TraceForm.Crops, cancellation);
        if (pictures.Count == 1) return [Picture(crops.Tokens, 0)];
        try
        {
            return [.. crops.Records.Select((_, i) => Picture(crops.CopyCrop(parts.Backend, i), i))];
        }
        finally
        {
            crops.Tokens.Buffer.Dispose();
        }

        EncodedPicture Picture(Backends.Tensor tokens, int index)
        {
            var record = crops.Records[index];
            return new EncodedPicture(tokens, [record], crops.NumbersOf(index) ?? record.Kept, record.Patches, crops.SourcesOf(index));
        }
    }

    /// <summary>The format that the tokenizer has tokens for; without any the authors' (Mistral under LLaVA-NeXT, else Vicuna).</summary>
    /// <exception cref="InputException">It is one that is not known here.</exception>
    public override string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures)
    {
        if (Tokenizer.IdOf("<|start_header_id|>") is not null)
            throw new InputException("the prompt format of Llama 3 is not supported; give the whole prompt as it is (--raw-prompt)");
        if (Tokenizer.IdOf("<|im_start|>") is not null) return new ChatMlTemplate { PictureEnd = "\n" }.Apply(turns, system, pictures);
        return Description.Language.Architecture == "mistral" && Description.ModelType != "llava"
            ? MistralTemplate.Apply(turns, system, pictures)
            : VicunaTemplate.Apply(turns, system, pictures);
    }

    /// <summary>Each side of a picture is tokenized by itself, as the authors' code does.</summary>
    public override PromptTokens Tokenize(string prompt)
    {
        var ids = new List<int>();
        if (Tokenizer.AddsBos && Tokenizer.BosId is { } bos) ids.Add(bos);
        var parts = prompt.Split(PictureMarker);
        for (var i = 0; i < parts.Length; i++)
        {
            if (i > 0) ids.Add(PromptTokens.Picture);
            ids.AddRange(Tokenizer.Encode(parts[i]));
        }

        return new PromptTokens([.. ids]);
    }

    protected virtual void CheckPreprocessor() => _ = _preprocessor.Value;

    protected void RefuseLimits(PictureOptions options)
    {
        Refuse(options.MinPixels is not null, "a least number of pixels (--min-pixels)");
        Refuse(options.MaxPixels is not null, "a greatest number of pixels (--max-pixels)");
        Refuse(options.MaxTiles is not null, "a greatest number of tiles (--max-tiles)");
    }

    private Func<RgbImage, PreprocessMode, PictureCrop> OpenPreprocessor()
    {
        var patchSize = Description.Vision.PatchSize;
        if (Description.Vision.Architecture == "SigLIP")
        {
            var siglip = SiglipPreprocessor.Load(PreprocessorFile);
            CheckSize(siglip.Size);
            return (picture, _) => siglip.Prepare(picture, patchSize);
        }

        var clip = ClipPreprocessor.Load(PreprocessorFile);
        CheckSize(clip.Size);
        return (picture, mode) => clip.Prepare(picture, mode, patchSize);
    }

    protected void CheckSize(int size)
    {
        if (size != Description.Vision.ImageSize)
            throw new ModelFormatException(PreprocessorFile, $"makes pictures of {size} pixels, the vision tower takes {Description.Vision.ImageSize}");
    }
}
