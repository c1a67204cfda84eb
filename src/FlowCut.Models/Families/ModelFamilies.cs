using FlowCut.Models.Backends;

namespace FlowCut.Models.Families;

/// <summary>The families this library runs, by the model_type of config.json.</summary>
internal static class ModelFamilies
{
    /// <summary>Loads an opened model into a backend; the family owns the layout's files from here on.</summary>
    public static ModelFamily Load(LlavaLayout layout, LoadOptions options, Backend backend) => new LlavaFamily(layout, backend, options);

    /// <summary>Reads the configuration and opens the files, without loading anything into a backend. The one place to extend for a new family.</summary>
    /// <exception cref="ModelFormatException">A file is missing or damaged, or the model type is unknown.</exception>
    public static LlavaLayout ReadLayout(string folder, string? visionTower)
    {
        if (!Directory.Exists(folder)) throw new InputException($"the model folder {folder} does not exist");
        var config = JsonSection.Read(Path.Combine(folder, "config.json"));
        var modelType = config.String("model_type");
        return modelType switch
        {
            "llava" when !config.Has("mm_vision_tower") => LlavaLayout.HuggingFace(folder, config),
            "llava" or "llava_llama" => LlavaLayout.Original(folder, config, visionTower),
            _ => throw config.Error($"the model type '{modelType}' is not supported; supported are llava and llava_llama"),
        };
    }
}
