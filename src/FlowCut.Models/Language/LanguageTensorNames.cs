namespace FlowCut.Models.Language;

/// <summary>What the tensors of a decoder are called. Layer names follow a prefix with the layer's number.</summary>
internal sealed record LanguageTensorNames
{
    public required string Embedding { get; init; }

    public required string FinalNorm { get; init; }

    public required string Head { get; init; }

    /// <summary>Of layer 0, 1, …: {0} is the number.</summary>
    public required string Layer { get; init; }

    public required string InputNorm { get; init; }

    public required string PostAttentionNorm { get; init; }

    /// <summary>Query, key and value, without ".weight" and ".bias"; or one name, whose rows are grouped by key/value head: its query heads, its key, its value.</summary>
    public required string[] QueryKeyValue { get; init; }

    public required string Output { get; init; }

    public required string Gate { get; init; }

    public required string Up { get; init; }

    public required string Down { get; init; }

    /// <summary>Llama, Mistral and Qwen2 (spec/models.md, section 5.1).</summary>
    /// <param name="model">In front of "embed_tokens", "layers" and "norm".</param>
    /// <param name="head">The whole name of the output head.</param>
    public static LanguageTensorNames Llama(string model, string head) => new()
    {
        Embedding = model + "embed_tokens.weight",
        FinalNorm = model + "norm.weight",
        Head = head,
        Layer = model + "layers.{0}.",
        InputNorm = "input_layernorm.weight",
        PostAttentionNorm = "post_attention_layernorm.weight",
        QueryKeyValue = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        Output = "self_attn.o_proj.weight",
        Gate = "mlp.gate_proj.weight",
        Up = "mlp.up_proj.weight",
        Down = "mlp.down_proj.weight",
    };

    /// <summary>InternLM2 (spec/models.md, section 5.3).</summary>
    public static LanguageTensorNames InternLm2(string prefix) => new()
    {
        Embedding = prefix + "model.tok_embeddings.weight",
        FinalNorm = prefix + "model.norm.weight",
        Head = prefix + "output.weight",
        Layer = prefix + "model.layers.{0}.",
        InputNorm = "attention_norm.weight",
        PostAttentionNorm = "ffn_norm.weight",
        QueryKeyValue = ["attention.wqkv"],
        Output = "attention.wo.weight",
        Gate = "feed_forward.w1.weight",
        Up = "feed_forward.w3.weight",
        Down = "feed_forward.w2.weight",
    };
}
