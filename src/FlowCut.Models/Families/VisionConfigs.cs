using FlowCut.Models.Backends;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>Reads the encoder's section of a configuration, each kind by its own rules.</summary>
internal static class VisionConfigs
{
    /// <summary>CLIP's, of a LLaVA checkpoint or of its own.</summary>
    public static VisionConfig Clip(JsonSection section)
    {
        section.Expect("model_type", "clip_vision_model", required: false);
        section.Expect("hidden_act", "quick_gelu", required: false);
        return Check(section, new VisionConfig
        {
            Architecture = "CLIP",
            HiddenSize = section.Int("hidden_size"),
            IntermediateSize = section.Int("intermediate_size"),
            Layers = section.Int("num_hidden_layers"),
            Heads = section.Int("num_attention_heads"),
            ImageSize = section.Int("image_size"),
            PatchSize = section.Int("patch_size"),
            // published configurations leave out what equals the class default
            LayerNormEpsilon = section.Has("layer_norm_eps") ? section.Positive("layer_norm_eps") : 1e-5f,
            Activation = Activation.QuickGelu,
            HasClass = true,
            PreNorm = true,
        });
    }

    /// <summary>SigLIP's, of a LLaVA checkpoint.</summary>
    public static VisionConfig Siglip(JsonSection section)
    {
        section.Expect("model_type", "siglip_vision_model");
        section.Expect("hidden_act", "gelu_pytorch_tanh", required: false);
        return Check(section, new VisionConfig
        {
            Architecture = "SigLIP",
            HiddenSize = section.Int("hidden_size"),
            IntermediateSize = section.Int("intermediate_size"),
            Layers = section.Int("num_hidden_layers"),
            Heads = section.Int("num_attention_heads"),
            ImageSize = section.Int("image_size"),
            PatchSize = section.Int("patch_size"),
            LayerNormEpsilon = section.Has("layer_norm_eps") ? section.Positive("layer_norm_eps") : 1e-6f,
            Activation = Activation.GeluTanh,
            PatchBias = true,
        });
    }

    /// <summary>InternViT's: the authors' configuration, or transformers', whose sizes may be pairs.</summary>
    /// <param name="section">Of the encoder.</param>
    /// <param name="isOriginal">The authors' file, whose absent keys mean what their class has.</param>
    public static VisionConfig InternVit(JsonSection section, bool isOriginal)
    {
        section.Expect("hidden_act", "gelu", required: false);
        var norm = section.Has("norm_type") ? section.String("norm_type") : isOriginal ? "rms_norm" : "layer_norm";
        if (norm is not ("layer_norm" or "rms_norm")) throw section.Error($"'norm_type' is '{norm}'; layer_norm and rms_norm are supported");
        return Check(section, new VisionConfig
        {
            Architecture = "InternViT",
            HiddenSize = section.Int("hidden_size"),
            IntermediateSize = section.Int("intermediate_size"),
            Layers = section.Int("num_hidden_layers"),
            Heads = section.Int("num_attention_heads"),
            ImageSize = Side(section, "image_size"),
            PatchSize = Side(section, "patch_size"),
            LayerNormEpsilon = section.Has("layer_norm_eps") ? section.Positive("layer_norm_eps") : 1e-6f,
            Activation = Activation.Gelu,
            HasClass = true,
            PatchBias = true,
            QueryKeyValueBias = section.Bool("qkv_bias", section.Bool("attention_bias", false)),
            QueryKeyNorm = section.Bool("qk_normalization", section.Bool("use_qk_norm", isOriginal)),
            RmsNorm = norm == "rms_norm",
            LayerScale = true,
            GroupSize = 4,
        });
    }

    public static VisionConfig Qwen2Vl(JsonSection section)
    {
        section.Expect("hidden_act", "quick_gelu", required: false);
        var (width, merge) = (section.Int("embed_dim"), section.Int("spatial_merge_size", 1, 2));
        if (merge != 2) throw section.Error($"'spatial_merge_size' is {merge}, only 2 is supported");
        return Check(section, new VisionConfig
        {
            Architecture = "Qwen2-VL",
            HiddenSize = width,
            IntermediateSize = width * section.Int("mlp_ratio", 1, 4),
            Layers = section.Int("depth"),
            Heads = section.Int("num_heads"),
            ImageSize = 0,
            PatchSize = section.Int("patch_size", 1, 14),
            LayerNormEpsilon = 1e-6f,
            Activation = Activation.QuickGelu,
            LearnedPositions = false,
            GroupSize = 4,
            Frames = section.Int("temporal_patch_size", 1, 2),
            LastLayerPrunes = true,
        });
    }

    /// <summary>One number, or a pair of equal ones.</summary>
    private static int Side(JsonSection section, string key)
    {
        var sides = section.Ints(key);
        return sides.Length is 1 or 2 && sides[0] == sides[^1] && sides[0] > 0 ? sides[0] : throw section.Error($"'{key}' must be the side of a square");
    }

    private static VisionConfig Check(JsonSection section, VisionConfig config)
    {
        if (config.HiddenSize % config.Heads != 0)
            throw section.Error($"the vision tower's width {config.HiddenSize} is no multiple of its {config.Heads} attention heads");
        // a convolution leaves a rest of pixels out: SigLIP's 384 are 27 patches of 14
        if (config.ImageSize % config.PatchSize != 0 && config.Architecture != "SigLIP")
            throw section.Error($"the vision tower's image_size {config.ImageSize} is no multiple of its patch_size {config.PatchSize}");
        if (config.ImageSize > 0 && config.ImageSize < config.PatchSize)
            throw section.Error($"the vision tower's image_size {config.ImageSize} is smaller than its patch_size {config.PatchSize}");
        if (config.GroupSize > 1 && config.PatchesPerSide % 2 != 0)
            throw section.Error($"{config.PatchesPerSide} patches a side cannot be joined two by two");
        if (!config.LearnedPositions && config.HeadSize % 4 != 0)
            throw section.Error($"a head size of {config.HeadSize} cannot be rotated in two directions");
        return config;
    }
}
