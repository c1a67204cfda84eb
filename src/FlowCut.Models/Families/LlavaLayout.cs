using FlowCut.Models.Checkpoints;
using FlowCut.Models.Language;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>
/// What differs between the two published layouts of LLaVA checkpoints, brought to one form: the sections of the configuration,
/// tensor names, the vision tower's place.
/// </summary>
internal sealed class LlavaLayout
{
    /// <summary>"Hugging Face" or "original".</summary>
    public required string Name { get; init; }

    public required VisionConfig Vision { get; init; }

    public required LanguageConfig Language { get; init; }

    /// <summary>The configuration's number of the layer whose output is read.</summary>
    public required int FeatureLayer { get; init; }

    /// <summary>The configuration's token for a picture; null where it has none.</summary>
    public int? PictureToken { get; init; }

    /// <summary>The language model's section.</summary>
    public required JsonSection Text { get; init; }

    /// <summary>Where the tower's settings for pictures are.</summary>
    public required string TowerFolder { get; init; }

    /// <summary>Opens everything under the names of <see cref="LlavaTensorNames"/>.</summary>
    public required Func<Checkpoint> Open { get; init; }

    /// <summary>Hugging Face's: one folder, everything inside.</summary>
    public static LlavaLayout HuggingFace(string folder, JsonSection config)
    {
        config.Expect("projector_hidden_act", "gelu", required: false);
        if (!config.Bool("multimodal_projector_bias", true)) throw config.Error("'multimodal_projector_bias' is false, which is not supported");
        var section = config.Section("vision_config");
        var isSiglip = section.Has("model_type") && section.String("model_type") == "siglip_vision_model";
        // without a CLS token there is none to leave out
        config.Expect("vision_feature_select_strategy", isSiglip ? "full" : "default");
        var text = config.Section("text_config");
        var language = LanguageConfig.Read(text, config, text.Has("model_type") ? null : "llama");
        var key = config.Has("image_token_index") ? "image_token_index" : "image_token_id";
        if (!config.Has(key)) throw config.Error("the key 'image_token_index' (in later files 'image_token_id') is missing");
        return new LlavaLayout
        {
            Name = "Hugging Face",
            Vision = isSiglip ? VisionConfigs.Siglip(section) : VisionConfigs.Clip(section),
            Language = language,
            FeatureLayer = SingleLayer(config, "vision_feature_layer"),
            PictureToken = config.Int(key),
            Text = text.Has("eos_token_id") ? text : config,
            TowerFolder = folder,
            Open = () => new CompositeCheckpoint((Checkpoint.Open(folder), LlavaTensorNames.FromHuggingFace)),
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
        var vision = VisionConfigs.Clip(towerConfig.Has("vision_config") ? towerConfig.Section("vision_config") : towerConfig);
        if (config.Has("mm_hidden_size") && config.Int("mm_hidden_size") != vision.HiddenSize)
            throw config.Error($"'mm_hidden_size' is {config.Int("mm_hidden_size")}, the vision tower in {towerFolder} is {vision.HiddenSize} wide");
        return new LlavaLayout
        {
            Name = "original",
            Vision = vision,
            Language = LanguageConfig.Read(config, config, config.String("model_type") == "llava_mistral" ? "mistral" : "llama"),
            FeatureLayer = SingleLayer(config, "mm_vision_select_layer"),
            Text = config,
            TowerFolder = towerFolder,
            Open = () => OpenWithTower(folder, towerFolder),
        };
    }

    private static CompositeCheckpoint OpenWithTower(string folder, string towerFolder)
    {
        var language = Checkpoint.Open(folder);
        try
        {
            // LLaVA-NeXT trained its tower, which is inside then
            return language.Names.Any(name => name.StartsWith("model.vision_tower.", StringComparison.Ordinal))
                ? new CompositeCheckpoint((language, LlavaTensorNames.FromOriginal))
                : new CompositeCheckpoint((language, LlavaTensorNames.FromOriginal), (Checkpoint.Open(towerFolder), LlavaTensorNames.FromClip));
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

    private static int SingleLayer(JsonSection config, string key)
    {
        var layers = config.Ints(key);
        return layers.Length == 1 ? layers[0] : throw config.Error($"'{key}' names {layers.Length} layers, one is supported");
    }
}
