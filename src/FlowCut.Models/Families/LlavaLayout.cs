using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>
/// A LLaVA-1.5 checkpoint as it lies on disk, with what differs between the two published layouts brought to one form:
/// configuration, tensor names, the vision tower's place.
/// </summary>
internal sealed class LlavaLayout
{
    public required ModelDescription Description { get; init; }

    public required Tokenizer Tokenizer { get; init; }

    public required ClipPreprocessor Preprocessor { get; init; }

    public required IReadOnlyList<int> EndTokens { get; init; }

    /// <summary>Everything, under the names of <see cref="LlavaTensorNames"/>.</summary>
    public required Checkpoint Checkpoint { get; init; }

    /// <summary>What the language model's weights are stored as.</summary>
    /// <summary>Stored weights, those of layers that are never run included.</summary>
    public long Parameters => Checkpoint.Names.Sum(name => Checkpoint.Get(name).ElementCount);

    public StoredType WeightType => Checkpoint.Get(LlavaFamily.LanguagePrefix + "model.embed_tokens.weight").Type;

    /// <summary>Hugging Face's: one folder, everything inside.</summary>
    public static LlavaLayout HuggingFace(string folder, JsonSection config)
    {
        config.Expect("vision_feature_select_strategy", "default");
        config.Expect("projector_hidden_act", "gelu");
        if (!config.Bool("multimodal_projector_bias", true)) throw config.Error("'multimodal_projector_bias' is false, which is not supported");
        var text = config.Section("text_config");
        text.Expect("model_type", "llama");
        var vision = ClipConfig.Read(config.Section("vision_config"));
        var tokenizer = Tokenizer.Load(folder);
        var language = CheckTokenizer(LlamaConfig.Read(text, config), tokenizer, config);
        if (!config.Has("image_token_index") && !config.Has("image_token_id")) throw config.Error("the key 'image_token_index' (in later files 'image_token_id') is missing");
        var pictureToken = config.Int(config.Has("image_token_index") ? "image_token_index" : "image_token_id");
        if (pictureToken >= language.VocabularySize)
            throw config.Error($"the picture token {pictureToken} is beyond the vocabulary of {language.VocabularySize}");
        var description = new ModelDescription
        {
            ModelType = "llava",
            Layout = "Hugging Face",
            Vision = vision,
            VisionLayersRun = LayersRun(vision, SingleLayer(config, "vision_feature_layer"), config),
            Language = language,
        };
        var preprocessor = ReadPreprocessor(folder, vision);
        var endTokens = ReadEndTokens(folder, text.Has("eos_token_id") ? text : config, tokenizer);
        return new LlavaLayout
        {
            Description = description,
            Tokenizer = tokenizer,
            Preprocessor = preprocessor,
            EndTokens = endTokens,
            Checkpoint = new CompositeCheckpoint((Checkpoint.Open(folder), LlavaTensorNames.FromHuggingFace)),
        };
    }

    /// <summary>The authors': decoder and projector in one folder, the CLIP tower in another that the configuration names.</summary>
    public static LlavaLayout Original(string folder, JsonSection config, string? visionTower)
    {
        config.Expect("mm_projector_type", "mlp2x_gelu");
        config.Expect("mm_vision_select_feature", "patch", required: false);
        if (config.Bool("mm_use_im_start_end", false)) throw config.Error("'mm_use_im_start_end' is true, which is not supported");
        var towerFolder = FindTower(folder, config.String("mm_vision_tower"), visionTower);
        var towerConfig = JsonSection.Read(Path.Combine(towerFolder, "config.json"));
        var vision = ClipConfig.Read(towerConfig.Has("vision_config") ? towerConfig.Section("vision_config") : towerConfig);
        if (config.Has("mm_hidden_size") && config.Int("mm_hidden_size") != vision.HiddenSize)
            throw config.Error($"'mm_hidden_size' is {config.Int("mm_hidden_size")}, the vision tower in {towerFolder} is {vision.HiddenSize} wide");
        var tokenizer = Tokenizer.Load(folder);
        var language = CheckTokenizer(LlamaConfig.Read(config, config), tokenizer, config);
        var description = new ModelDescription
        {
            ModelType = config.String("model_type"),
            Layout = "original",
            Vision = vision,
            VisionLayersRun = LayersRun(vision, SingleLayer(config, "mm_vision_select_layer"), config),
            Language = language,
        };
        var preprocessor = ReadPreprocessor(towerFolder, vision);
        var endTokens = ReadEndTokens(folder, config, tokenizer);
        return new LlavaLayout
        {
            Description = description,
            Tokenizer = tokenizer,
            Preprocessor = preprocessor,
            EndTokens = endTokens,
            Checkpoint = OpenWithTower(folder, towerFolder),
        };
    }

    private static CompositeCheckpoint OpenWithTower(string folder, string towerFolder)
    {
        var language = Checkpoint.Open(folder);
        try
        {
            return new CompositeCheckpoint((language, LlavaTensorNames.FromOriginal), (Checkpoint.Open(towerFolder), LlavaTensorNames.FromClip));
        }
        catch
        {
            language.Dispose();
            throw;
        }
    }

    /// <summary>The option, else the configuration's name as a path from the model folder, else the folder of that last name beside the model.</summary>
    private static string FindTower(string folder, string name, string? option)
    {
        if (option is not null)
            return Directory.Exists(option) ? option : throw new InputException($"the vision tower's folder {option} does not exist");
        var inside = Path.Combine(folder, name);
        if (Directory.Exists(inside)) return inside;
        var parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var beside = Path.Combine(parent ?? "", Path.GetFileName(Path.TrimEndingDirectorySeparator(name)));
        return Directory.Exists(beside)
            ? beside
            : throw new InputException($"the model's vision tower '{name}' was found neither as --vision-tower (not given), nor at {inside}, nor at {beside}; give its folder with --vision-tower");
    }

    private static ClipPreprocessor ReadPreprocessor(string folder, ClipConfig vision)
    {
        var file = Path.Combine(folder, "preprocessor_config.json");
        // newer folders keep the settings of all their processors in one file
        var newer = Path.Combine(folder, "processor_config.json");
        if (!File.Exists(file) && File.Exists(newer) && JsonSection.Read(newer).IsObject(ClipPreprocessor.ProcessorSection)) file = newer;
        var preprocessor = ClipPreprocessor.Load(file);
        return preprocessor.Size == vision.ImageSize
            ? preprocessor
            : throw new ModelFormatException(file, $"makes pictures of {preprocessor.Size} pixels, the vision tower takes {vision.ImageSize}");
    }

    private static int SingleLayer(JsonSection config, string key)
    {
        var layers = config.Ints(key);
        return layers.Length == 1 ? layers[0] : throw config.Error($"'{key}' names {layers.Length} layers, one is supported");
    }

    /// <summary>hidden_states[selected] is the output of so many layers; hidden_states[0] is the embedding.</summary>
    private static int LayersRun(ClipConfig vision, int selected, JsonSection config)
    {
        var run = selected < 0 ? vision.Layers + 1 + selected : selected;
        return run >= 1 && run <= vision.Layers
            ? run
            : throw config.Error($"the vision feature layer {selected} is not one of the tower's {vision.Layers} layers");
    }

    private static LlamaConfig CheckTokenizer(LlamaConfig language, Tokenizer tokenizer, JsonSection config) =>
        tokenizer.MaxId < language.VocabularySize
            ? language
            : throw config.Error($"'vocab_size' is {language.VocabularySize}, but the tokenizer has ids up to {tokenizer.MaxId}");

    /// <summary>From generation_config.json where it says, else from the configuration, else the tokenizer's.</summary>
    private static int[] ReadEndTokens(string folder, JsonSection config, Tokenizer tokenizer)
    {
        var file = Path.Combine(folder, "generation_config.json");
        if (File.Exists(file) && JsonSection.Read(file) is var generation && generation.Has("eos_token_id")) return generation.Ints("eos_token_id");
        if (config.Has("eos_token_id")) return config.Ints("eos_token_id");
        return tokenizer.EosId is { } eos ? [eos] : throw config.Error("neither the configuration nor the tokenizer says which token ends an answer ('eos_token_id')");
    }
}
