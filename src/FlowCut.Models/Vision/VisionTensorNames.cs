namespace FlowCut.Models.Vision;

/// <summary>What the tensors of a vision transformer are called; of parts that an encoder lacks the names are not used.</summary>
internal sealed record VisionTensorNames
{
    public required string PatchEmbedding { get; init; }

    public string ClassEmbedding { get; init; } = "";

    public string PositionEmbedding { get; init; } = "";

    public string PreNorm { get; init; } = "";

    /// <summary>CLIP's norm behind its last layer, which no model here runs.</summary>
    public string PostNorm { get; init; } = "";

    /// <summary>Of layer 0, 1, …: {0} is the number.</summary>
    public required string Layer { get; init; }

    public required string Norm1 { get; init; }

    public required string Norm2 { get; init; }

    /// <summary>Query, key and value, or one name for all three below each other.</summary>
    public required string[] QueryKeyValue { get; init; }

    public string[] QueryKeyNorm { get; init; } = [];

    public required string Output { get; init; }

    public required string Up { get; init; }

    public required string Down { get; init; }

    /// <summary>Scales of what attention and MLP add.</summary>
    public string[] Scales { get; init; } = [];

    /// <summary>CLIP and SigLIP (spec/models.md, section 5.1).</summary>
    /// <param name="prefix">Up to and including "vision_model.".</param>
    public static VisionTensorNames Clip(string prefix) => new()
    {
        PatchEmbedding = prefix + "embeddings.patch_embedding",
        ClassEmbedding = prefix + "embeddings.class_embedding",
        PositionEmbedding = prefix + "embeddings.position_embedding.weight",
        PreNorm = prefix + "pre_layrnorm",
        PostNorm = prefix + "post_layernorm",
        Layer = prefix + "encoder.layers.{0}.",
        Norm1 = "layer_norm1",
        Norm2 = "layer_norm2",
        QueryKeyValue = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        Output = "self_attn.out_proj",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
    };

    /// <summary>InternViT as its authors store it (spec/models.md, section 5.3).</summary>
    public static VisionTensorNames InternVit(string prefix) => new()
    {
        PatchEmbedding = prefix + "embeddings.patch_embedding",
        ClassEmbedding = prefix + "embeddings.class_embedding",
        PositionEmbedding = prefix + "embeddings.position_embedding",
        Layer = prefix + "encoder.layers.{0}.",
        Norm1 = "norm1",
        Norm2 = "norm2",
        QueryKeyValue = ["attn.qkv"],
        QueryKeyNorm = ["attn.q_norm.weight", "attn.k_norm.weight"],
        Output = "attn.proj",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
        Scales = ["ls1", "ls2"],
    };

    /// <summary>InternViT as transformers stores it.</summary>
    public static VisionTensorNames InternVitHuggingFace(string prefix) => new()
    {
        PatchEmbedding = prefix + "embeddings.patch_embeddings.projection",
        ClassEmbedding = prefix + "embeddings.cls_token",
        PositionEmbedding = prefix + "embeddings.position_embeddings",
        Layer = prefix + "encoder.layer.{0}.",
        Norm1 = "layernorm_before",
        Norm2 = "layernorm_after",
        QueryKeyValue = ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
        QueryKeyNorm = ["attention.q_norm.weight", "attention.k_norm.weight"],
        Output = "attention.projection_layer",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
        Scales = ["lambda_1", "lambda_2"],
    };

    /// <summary>Qwen2-VL (spec/models.md, section 5.4).</summary>
    public static VisionTensorNames Qwen2Vl(string prefix) => new()
    {
        PatchEmbedding = prefix + "patch_embed.proj",
        Layer = prefix + "blocks.{0}.",
        Norm1 = "norm1",
        Norm2 = "norm2",
        QueryKeyValue = ["attn.qkv"],
        Output = "attn.proj",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
    };
}
