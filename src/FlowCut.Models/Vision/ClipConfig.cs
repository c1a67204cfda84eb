using FlowCut.Models.Families;

namespace FlowCut.Models.Vision;

/// <summary>Shape of a CLIP vision tower.</summary>
public sealed record ClipConfig
{
    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>Layers stored; the runtime runs only those that are read.</summary>
    public required int Layers { get; init; }

    public required int Heads { get; init; }

    /// <summary>Pixels per side of the square input.</summary>
    public required int ImageSize { get; init; }

    public required int PatchSize { get; init; }

    public required float LayerNormEpsilon { get; init; }

    public int HeadSize => HiddenSize / Heads;

    public int PatchesPerSide => ImageSize / PatchSize;

    public int Patches => PatchesPerSide * PatchesPerSide;

    /// <summary>CLIP-L/14-336, the tower of LLaVA-1.5.</summary>
    public static ClipConfig Large336 { get; } = new()
    {
        HiddenSize = 1024,
        IntermediateSize = 4096,
        Layers = 24,
        Heads = 16,
        ImageSize = 336,
        PatchSize = 14,
        LayerNormEpsilon = 1e-5f,
    };

    internal static ClipConfig Read(JsonSection section)
    {
        section.Expect("model_type", "clip_vision_model", required: false);
        section.Expect("hidden_act", "quick_gelu", required: false);
        var config = new ClipConfig
        {
            HiddenSize = section.Int("hidden_size"),
            IntermediateSize = section.Int("intermediate_size"),
            Layers = section.Int("num_hidden_layers"),
            Heads = section.Int("num_attention_heads"),
            ImageSize = section.Int("image_size"),
            PatchSize = section.Int("patch_size"),
            // published configurations leave out what equals the class default
            LayerNormEpsilon = section.Has("layer_norm_eps") ? section.Positive("layer_norm_eps") : 1e-5f,
        };
        if (config.HiddenSize % config.Heads != 0)
            throw section.Error($"the vision tower's hidden_size {config.HiddenSize} is no multiple of its {config.Heads} attention heads");
        if (config.ImageSize % config.PatchSize != 0)
            throw section.Error($"the vision tower's image_size {config.ImageSize} is no multiple of its patch_size {config.PatchSize}");
        return config;
    }
}
