using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>
/// InternVL2: InternViT over tiles and a thumbnail, 2×2 patches to a token, InternLM2, Qwen2 or Llama; the authors' layout
/// (internvl_chat) and transformers' (internvl) (spec/models.md, section 5.3).
/// </summary>
internal sealed class InternVlFamily : ModelFamily
{
    private const string System = "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";
    private const string System25 = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。";
    private const string Context = "<IMG_CONTEXT>";
    private const string TurnEnd = "<|im_end|>";
    private const float ConnectorEpsilon = 1e-5f;

    private readonly DynamicTiling _tiling;
    private readonly ChatMlTemplate _template;
    private readonly bool _isOriginal;

    private InternVlFamily(string folder, JsonSection config, bool isOriginal)
        : base(folder, config)
    {
        _isOriginal = isOriginal;
        var text = config.Section(isOriginal ? "llm_config" : "text_config");
        var language = LanguageConfig.Read(text, config);
        var vision = VisionConfigs.InternVit(config.Section("vision_config"), isOriginal);
        if (isOriginal && config.Has("ps_version")) config.Expect("ps_version", "v2");
        if (config.Has("downsample_ratio") && config.Double("downsample_ratio") != 0.5) throw config.Error("'downsample_ratio' is not 0.5, which alone is supported");
        _tiling = isOriginal ? DynamicTiling.Read(config) : TilingOfProcessor(vision.ImageSize);
        if (_tiling.ImageSize != vision.ImageSize)
            throw config.Error($"pictures are cut into tiles of {_tiling.ImageSize} pixels, the vision tower takes {vision.ImageSize}");
        _template = Template(config);
        var most = _tiling.MaxTiles + (_tiling is { Thumbnail: true, MaxTiles: > 1 } ? 1 : 0);
        Description = new ModelDescription
        {
            ModelType = config.String("model_type"),
            Family = "InternVL2",
            Layout = isOriginal ? "original" : "Hugging Face",
            Vision = vision,
            VisionLayersRun = LayersRun(vision, isOriginal ? config.Int("select_layer", int.MinValue, -1) : config.Int("vision_feature_layer", int.MinValue, -1), config),
            Language = language,
            Form = PictureForm.Tiles,
            PictureTokens = most * vision.Patches / vision.GroupSize,
            PictureCrops = most,
        };
        Connector = new ConnectorConfig
        {
            First = isOriginal ? "mlp1.1" : "multi_modal_projector.linear_1",
            Second = isOriginal ? "mlp1.3" : "multi_modal_projector.linear_2",
            Norm = isOriginal ? "mlp1.0" : "multi_modal_projector.layer_norm",
            NormEpsilon = ConnectorEpsilon,
            NormsJoined = true,
            Group = vision.GroupSize,
            Inputs = vision.HiddenSize,
            Hidden = language.HiddenSize,
            Outputs = language.HiddenSize,
        };
        VisionNames = isOriginal ? VisionTensorNames.InternVit("vision_model.") : VisionTensorNames.InternVitHuggingFace("vision_tower.");
        LanguageNames = language.Architecture == "internlm2"
            ? LanguageTensorNames.InternLm2("language_model.")
            : LanguageTensorNames.Llama("language_model.model.", "language_model.lm_head.weight");
    }

    public override ModelDescription Description { get; }

    public override VisionTensorNames VisionNames { get; }

    public override LanguageTensorNames LanguageNames { get; }

    public override ConnectorConfig Connector { get; }

    /// <summary>By the template, and not by the configuration, which names the end of a text.</summary>
    public override IReadOnlyList<int> EndTokens => [RequireToken(TurnEnd)];

    /// <summary>The authors' layout.</summary>
    public static InternVlFamily Original(string folder, JsonSection config) => new(folder, config, isOriginal: true);

    /// <summary>Transformers' own.</summary>
    public static InternVlFamily HuggingFace(string folder, JsonSection config) => new(folder, config, isOriginal: false);

    public override void CheckFiles() => _ = (EndTokens, RequireToken("<img>"), RequireToken(Context), RequireToken("</img>"), Processor(_tiling));

    public override Checkpoint OpenCheckpoint() =>
        _isOriginal ? Checkpoint.Open(Folder) : new CompositeCheckpoint((Checkpoint.Open(Folder), LlavaTensorNames.FromHuggingFace));

    public override int BudgetTokens(RgbImage picture, PictureOptions options) => TileTokens;

    public override PreprocessedPicture Prepare(RgbImage picture, PictureOptions options)
    {
        Refuse(options.MinPixels is not null, "a least number of pixels (--min-pixels)");
        Refuse(options.MaxPixels is not null, "a greatest number of pixels (--max-pixels)");
        var tiling = options.MaxTiles is { } most ? _tiling.WithMaxTiles(most) : _tiling;
        var crops = Processor(tiling).Prepare(picture, Description.Vision.PatchSize);
        return new PreprocessedPicture(crops, crops.Length * TileTokens) { BudgetTokens = TileTokens };
    }

    public override EncodedPicture[] Encode(ModelParts parts, IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation)
    {
        var encoded = new List<EncodedPicture>();
        try
        {
            foreach (var picture in pictures)
            {
                var crops = EncodedCrops.Run(parts, picture.Crops, strategy, trace, TraceForm.JoinedCrops, cancellation);
                var numbers = crops.Records.SelectMany((record, tile) => record.Places.Where((_, i) => i % 4 == 0).Select(place => tile * TileTokens + place / 4));
                encoded.Add(new EncodedPicture(crops.Tokens, crops.Records, [.. numbers], picture.Tokens));
            }

            return [.. encoded];
        }
        catch
        {
            foreach (var picture in encoded) picture.Dispose();
            throw;
        }
    }

    public override string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures) => _template.Apply(turns, system, pictures);

    public override PromptTokens Tokenize(string prompt) =>
        PromptTokens.Of(Tokenizer, prompt.Replace(PictureMarker, $"<img>{Context}</img>", StringComparison.Ordinal), RequireToken(Context));

    public override int[] TraceIds(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures) =>
        prompt.Expand(RequireToken(Context), [.. pictures.Select(p => p.Tokens.Rows)]);

    private InternVlPreprocessor Processor(DynamicTiling tiling) => InternVlPreprocessor.Load(ProcessorConfig.Find(Folder), tiling);

    private int TileTokens => Description.Vision.Patches / Description.Vision.GroupSize;

    /// <summary>The authors name it; transformers' checkpoints are of InternVL2.5 and later.</summary>
    private ChatMlTemplate Template(JsonSection config)
    {
        if (!_isOriginal) return new ChatMlTemplate { PictureEnd = "\n" };
        var name = config.String("template");
        return name switch
        {
            "internlm2-chat" or "Hermes-2" => new ChatMlTemplate { System = System, PictureEnd = "\n", TurnEnd = "" },
            "internvl2_5" => new ChatMlTemplate { System = System25, PictureEnd = "\n" },
            _ => throw config.Error($"the prompt template '{name}' is not supported; supported are internlm2-chat, Hermes-2 and internvl2_5"),
        };
    }

    private DynamicTiling TilingOfProcessor(int size)
    {
        var file = ProcessorConfig.Find(Folder);
        if (!File.Exists(file)) return new DynamicTiling(size, 1, 12, true);
        var processor = ProcessorConfig.Read(file);
        return new DynamicTiling(size, processor.Int("min_patches", 1, 1), processor.Int("max_patches", 1, 12), true);
    }
}
