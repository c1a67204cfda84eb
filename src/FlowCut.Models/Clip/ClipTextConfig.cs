using FlowCut.Models.Backends;
using FlowCut.Models.Families;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Clip;

/// <summary>Shape of CLIP's text tower, from Hugging Face's config.json. What a file leaves out is what transformers' class has.</summary>
internal sealed record ClipTextConfig
{
    /// <summary>Of its layers, which are those of the vision tower but for the causal mask.</summary>
    public required VisionConfig Layers { get; init; }

    public required int Vocabulary { get; init; }

    /// <summary>Tokens of a segment at most.</summary>
    public required int Positions { get; init; }

    /// <summary>Width of the space that texts and pictures share.</summary>
    public required int Projection { get; init; }

    /// <summary>A segment is pooled at its first token with this id; null, as in CLIP's own files: at its highest id.</summary>
    public required int? EndToken { get; init; }

    /// <summary>Width of the vision tower that the folder is for.</summary>
    public required int VisionWidth { get; init; }

    /// <exception cref="ModelFormatException">It is no CLIP, or a value makes no sense.</exception>
    public static ClipTextConfig Read(JsonSection config)
    {
        config.Expect("model_type", "clip");
        var text = config.Section("text_config");
        text.Expect("hidden_act", "quick_gelu", required: false);
        int width = text.Int("hidden_size", 1, 512), heads = text.Int("num_attention_heads", 1, 8);
        if (width % heads != 0) throw text.Error($"the text tower's width {width} is no multiple of its {heads} attention heads");
        var end = text.Int("eos_token_id", 0, 49407);
        return new ClipTextConfig
        {
            Layers = new VisionConfig
            {
                Architecture = "CLIP",
                HiddenSize = width,
                IntermediateSize = text.Int("intermediate_size", 1, 2048),
                Layers = text.Int("num_hidden_layers", 1, 12),
                Heads = heads,
                ImageSize = 0,
                PatchSize = 1,
                LayerNormEpsilon = text.Has("layer_norm_eps") ? text.Positive("layer_norm_eps") : 1e-5f,
                Activation = Activation.QuickGelu,
            },
            Vocabulary = text.Int("vocab_size", 1, 49408),
            Positions = text.Int("max_position_embeddings", 1, 77),
            Projection = config.Int("projection_dim", 1, 512),
            // 2 stands in files from before the id was used
            EndToken = end == 2 ? null : end,
            VisionWidth = config.Section("vision_config").Int("hidden_size", 1, 768),
        };
    }
}
