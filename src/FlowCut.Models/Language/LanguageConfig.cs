using FlowCut.Models.Families;

namespace FlowCut.Models.Language;

/// <summary>Shape of a decoder of Llama's design: Llama, Mistral, Qwen2, InternLM2.</summary>
public sealed record LanguageConfig
{
    /// <summary>llama, mistral, qwen2 or internlm2: the model_type of the configuration.</summary>
    public required string Architecture { get; init; }

    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Rows of the embedding and of the output head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Positions that are computed as the model was made: prompt and answer together. Within it neither a sliding window nor a scaled rotation makes a difference.</summary>
    public required int ContextLength { get; init; }

    /// <summary>What the configuration says; more than <see cref="ContextLength"/> where attention would be by a window beyond it.</summary>
    public int PublishedContext { get; init; }

    public required float RmsNormEpsilon { get; init; }

    public required float RopeTheta { get; init; }

    public required bool TiedEmbeddings { get; init; }

    /// <summary>Whether query, key and value have biases, as Qwen2's do.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>M-RoPE: pairs of a head that turn by time, row and column; null: all by the token's position.</summary>
    public (int Time, int Row, int Column)? RotarySections { get; init; }

    /// <summary>Vicuna-7B, the decoder of LLaVA-1.5-7B.</summary>
    public static LanguageConfig Vicuna7B { get; } = new()
    {
        Architecture = "llama",
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

    /// <summary>Weights of a decoder as stored: embedding, layers, norm, and the head unless it is tied.</summary>
    internal long Parameters
    {
        get
        {
            long d = HiddenSize, attention = (long)Heads * HeadSize, keyValue = (long)KeyValueHeads * HeadSize;
            var layer = d * (2 * attention + 2 * keyValue) + 3 * d * IntermediateSize + 2 * d + (QueryKeyValueBias ? attention + 2 * keyValue : 0);
            return (TiedEmbeddings ? 1 : 2) * d * VocabularySize + Layers * layer + d;
        }
    }

    /// <param name="section">Of the language model.</param>
    /// <param name="root">The whole configuration, which may say whether embeddings are tied.</param>
    /// <param name="architecture">Where the section does not say it.</param>
    /// <exception cref="ModelFormatException">A key is missing, contradicts another one or asks for something that is not supported; an architecture that is not supported.</exception>
    internal static LanguageConfig Read(JsonSection section, JsonSection root, string? architecture = null)
    {
        architecture ??= section.String("model_type");
        section.Expect("hidden_act", "silu", required: false);
        var standard = Standard(section, architecture);
        var hidden = section.Int("hidden_size", 1, standard?.HiddenSize);
        var heads = section.Int("num_attention_heads", 1, standard?.Heads);
        if (!section.Has("head_dim") && hidden % heads != 0)
            throw section.Error($"the decoder's hidden_size {hidden} is no multiple of its {heads} attention heads");
        // newer files keep what concerns the rotation together
        var rotation = section.Has("rope_parameters") ? section.Section("rope_parameters") : section;
        var config = new LanguageConfig
        {
            Architecture = architecture,
            HiddenSize = hidden,
            IntermediateSize = section.Int("intermediate_size", 1, standard?.IntermediateSize),
            Layers = section.Int("num_hidden_layers", 1, standard?.Layers),
            Heads = heads,
            KeyValueHeads = section.Int("num_key_value_heads", 1, standard?.KeyValueHeads ?? heads),
            HeadSize = section.Int("head_dim", 1, hidden / heads),
            VocabularySize = section.Int("vocab_size"),
            ContextLength = Context(section, architecture),
            PublishedContext = section.Int("max_position_embeddings", 1, StandardContext(section)),
            RmsNormEpsilon = section.Has("rms_norm_eps") || StandardContext(section) is null ? section.Positive("rms_norm_eps") : 1e-6f,
            RopeTheta = rotation.Has("rope_theta") ? rotation.Positive("rope_theta") : 10000,
            TiedEmbeddings = section.Bool("tie_word_embeddings", root.Bool("tie_word_embeddings", false)),
            QueryKeyValueBias = architecture == "qwen2",
            RotarySections = Sections(section, rotation, architecture),
        };
        if (config.Heads % config.KeyValueHeads != 0)
            throw section.Error($"{config.Heads} attention heads are no multiple of {config.KeyValueHeads} key/value heads");
        if (config.HeadSize % 2 != 0) throw section.Error($"a head size of {config.HeadSize} cannot be rotated in pairs");
        if (config.RotarySections is { } s && s.Time + s.Row + s.Column != config.HeadSize / 2)
            throw section.Error($"'mrope_section' has {s.Time + s.Row + s.Column} pairs, a head of {config.HeadSize} has {config.HeadSize / 2}");
        return config;
    }

    /// <summary>
    /// The sizes that a published configuration leaves out. Llama's are the 7B ones only where the whole group is left out, as in the hub's
    /// LLaVA-1.5-7B: half a configuration is more likely damaged than meant. The hub's Mistral names some of them.
    /// </summary>
    private static LanguageConfig? Standard(JsonSection section, string architecture)
    {
        if (section.Bool("mlp_bias", false) || section.Bool("bias", false)) throw section.Error("biases in the decoder's linear layers are not supported");
        if (architecture != "qwen2" && section.Bool("attention_bias", false)) throw section.Error($"biases in the attention of a {architecture} decoder are not supported");
        string[] sizes = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
        return architecture switch
        {
            "llama" => sizes.Any(section.Has) ? null : Vicuna7B with { KeyValueHeads = section.Int("num_key_value_heads", 1, Vicuna7B.KeyValueHeads) },
            "mistral" => Vicuna7B with { IntermediateSize = 14336, KeyValueHeads = 8 },
            "qwen2" or "internlm2" => null,
            _ => throw section.Error($"a language model of type '{architecture}' is not supported; supported are llama, mistral, qwen2 and internlm2"),
        };
    }

    /// <summary>A longer context would need the window, or a rotation that depends on the length.</summary>
    private static int Context(JsonSection section, string architecture)
    {
        var context = section.Int("max_position_embeddings", 1, StandardContext(section));
        var hasWindow = section.Has("sliding_window") && section.Bool("use_sliding_window", architecture != "qwen2");
        return hasWindow ? Math.Min(context, section.Int("sliding_window")) : context;
    }

    /// <summary>Published Qwen2 configurations leave out what equals the defaults of their class: this and an epsilon of 1e-6. Qwen2-VL's class has others, and its files say all.</summary>
    private static int? StandardContext(JsonSection section) => section.Has("model_type") && section.String("model_type") == "qwen2" ? 32768 : null;

    private static (int, int, int)? Sections(JsonSection section, JsonSection rotation, string architecture)
    {
        var scaling = section.Has("rope_scaling") ? section.Section("rope_scaling") : rotation;
        var kind = scaling.Has("rope_type") ? scaling.String("rope_type") : scaling.Has("type") ? scaling.String("type") : "default";
        if (scaling.Has("mrope_section") && kind is ("mrope" or "default"))
        {
            var pairs = scaling.Ints("mrope_section");
            return pairs.Length == 3 && pairs.All(p => p > 0) ? (pairs[0], pairs[1], pairs[2]) : throw section.Error("'mrope_section' must be three numbers above 0");
        }

        // dynamic NTK changes nothing within max_position_embeddings, which the context ends at
        if (kind is not ("default" or "dynamic"))
            throw section.Error($"the rotation is scaled ('{kind}'), which is not supported for {architecture} decoders");
        return null;
    }
}
