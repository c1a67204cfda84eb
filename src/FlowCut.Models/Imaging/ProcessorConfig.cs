using FlowCut.Models.Families;

namespace FlowCut.Models.Imaging;

/// <summary>The settings of picture processing in a model folder: preprocessor_config.json, or a section of the newer processor_config.json.</summary>
internal static class ProcessorConfig
{
    /// <summary>Of processor_config.json, which holds the settings of all processors.</summary>
    public const string SectionName = "image_processor";

    private const int BicubicResample = 3;

    /// <summary>The file of a model folder to read; the older of the two names where neither exists.</summary>
    public static string Find(string folder)
    {
        var file = Path.Combine(folder, "preprocessor_config.json");
        var newer = Path.Combine(folder, "processor_config.json");
        return !File.Exists(file) && File.Exists(newer) && JsonSection.Read(newer).IsObject(SectionName) ? newer : file;
    }

    /// <exception cref="ModelFormatException">The file is missing or no JSON object.</exception>
    public static JsonSection Read(string file)
    {
        var config = JsonSection.Read(file);
        return config.IsObject(SectionName) ? config.Section(SectionName) : config;
    }

    /// <summary>Refuses settings that leave out one of these steps, which are always done, or that resample otherwise than bicubically.</summary>
    /// <exception cref="ModelFormatException">A step is false or 'resample' names another filter.</exception>
    public static void RequireSteps(JsonSection config, params ReadOnlySpan<string> steps)
    {
        foreach (var step in steps)
        {
            if (!config.Bool(step, true)) throw config.Error($"'{step}' is false, which is not supported");
        }

        if (config.Int("resample", 0, BicubicResample) != BicubicResample)
            throw config.Error($"'resample' is {config.Int("resample", 0)}, only {BicubicResample} (bicubic) is supported");
    }
}
