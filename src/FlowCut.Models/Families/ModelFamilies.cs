namespace FlowCut.Models.Families;

/// <summary>The families this library runs, by the model_type of config.json. The one place to extend for a new family.</summary>
internal static class ModelFamilies
{
    /// <summary>Reads a model folder's configuration, and nothing else.</summary>
    /// <exception cref="InputException">The folder is no model, its configuration is damaged, or the model type is unknown.</exception>
    public static ModelFamily Read(string folder, string? visionTower)
    {
        if (!Directory.Exists(folder)) throw new InputException($"the model folder {folder} does not exist");
        return Read(folder, JsonSection.Read(Path.Combine(folder, "config.json")), visionTower);
    }

    /// <param name="folder">Where the model's other files are looked for when they are needed.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="visionTower">Folder of the CLIP tower of the authors' LLaVA layout; null: found from the configuration.</param>
    /// <exception cref="InputException">The configuration is damaged, or the model type is unknown.</exception>
    public static ModelFamily Read(string folder, JsonSection config, string? visionTower)
    {
        var modelType = config.String("model_type");
        return modelType switch
        {
            "llava" when !config.Has("mm_vision_tower") => new LlavaFamily(folder, config, LlavaLayout.HuggingFace(folder, config)),
            "llava_next" => new LlavaNextFamily(folder, config, LlavaLayout.HuggingFace(folder, config)),
            "llava" or "llava_llama" or "llava_mistral" => OriginalLlava(folder, config, visionTower),
            "internvl_chat" => InternVlFamily.Original(folder, config),
            "internvl" => InternVlFamily.HuggingFace(folder, config),
            "qwen2_vl" => new Qwen2VlFamily(folder, config),
            _ => throw config.Error($"the model type '{modelType}' is not supported; supported are llava, llava_llama, llava_mistral, llava_next, internvl_chat, internvl and qwen2_vl"),
        };
    }

    private static LlavaFamily OriginalLlava(string folder, JsonSection config, string? visionTower)
    {
        var layout = LlavaLayout.Original(folder, config, visionTower);
        var aspect = config.Has("image_aspect_ratio") ? config.String("image_aspect_ratio") : "pad";
        return aspect switch
        {
            "pad" => new LlavaFamily(folder, config, layout),
            "anyres" => new LlavaNextFamily(folder, config, layout),
            _ => throw config.Error($"'image_aspect_ratio' is '{aspect}'; pad and anyres are supported"),
        };
    }
}
