using FlowCut.Models.Families;

namespace FlowCut.Models.Language;

/// <summary>Shape of a Llama decoder.</summary>
public sealed record LlamaConfig
{
    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Rows of the embedding and of the output head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Positions the model was made for: prompt and answer together.</summary>
    public required int ContextLength { get; init; }

    public required float RmsNormEpsilon { get; init; }

    public required float RopeTheta { get; init; }

    public required bool TiedEmbeddings { get; init; }

    /// <summary>Vicuna-7B, the decoder of LLaVA-1.5-7B.</summary>
    public static LlamaConfig Vicuna7B { get; } = new()
    {
        HiddenSize = 4096,
        IntermediateSize = 11008,
        Layers = 32,
        Heads = 32,
        KeyValueHeads = 32,
        HeadSize = 128,
        VocabularySize = 32064,
        ContextLength = 4096,
        RmsNormEpsilon = 1e-5f,
        RopeTheta = 10000,
        TiedEmbeddings = false,
    };

    /// <summary>
    /// Reads a Llama configuration. The hub's LLaVA-1.5-7B leaves out the sizes, which are then the 7B ones; that holds
    /// only where the whole group is left out, since half a configuration is more likely damaged than meant.
    /// </summary>
    internal static LlamaConfig Read(JsonSection section, JsonSection root)
    {
        section.Expect("hidden_act", "silu", required: false);
        // newer files keep what concerns the rotation together
        var rotation = section.Has("rope_parameters") ? section.Section("rope_parameters") : section;
        rotation.Expect("rope_type", "default", required: false);
        if (section.Has("rope_scaling")) throw section.Error("'rope_scaling' is set, which is not supported for Llama decoders");
        if (section.Bool("attention_bias", false) || section.Bool("mlp_bias", false))
            throw section.Error("biases in attention or MLP are not supported for Llama decoders");

        string[] sizes = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
        var standard = !sizes.Any(section.Has);
        var hidden = standard ? Vicuna7B.HiddenSize : section.Int("hidden_size");
        var heads = standard ? Vicuna7B.Heads : section.Int("num_attention_heads");
        if (!section.Has("head_dim") && hidden % heads != 0)
            throw section.Error($"the decoder's hidden_size {hidden} is no multiple of its {heads} attention heads");
        var config = new LlamaConfig
        {
            HiddenSize = hidden,
            IntermediateSize = standard ? Vicuna7B.IntermediateSize : section.Int("intermediate_size"),
            Layers = standard ? Vicuna7B.Layers : section.Int("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = section.Int("num_key_value_heads", 1, fallback: heads),
            HeadSize = section.Int("head_dim", 1, fallback: hidden / heads),
            VocabularySize = section.Int("vocab_size"),
            ContextLength = section.Int("max_position_embeddings"),
            RmsNormEpsilon = section.Positive("rms_norm_eps"),
            RopeTheta = rotation.Has("rope_theta") ? rotation.Positive("rope_theta") : 10000,
            TiedEmbeddings = section.Bool("tie_word_embeddings", root.Bool("tie_word_embeddings", false)),
        };
        if (config.Heads % config.KeyValueHeads != 0)
            throw section.Error($"{config.Heads} attention heads are no multiple of {config.KeyValueHeads} key/value heads");
        return config.HeadSize % 2 == 0 ? config : throw section.Error($"a head size of {config.HeadSize} cannot be rotated in pairs");
    }
}
