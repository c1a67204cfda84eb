using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

public sealed class CompositeCheckpointTests : IDisposable
{
    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Parts_are_joined_renamed_and_filtered()
    {
        using var composite = new CompositeCheckpoint((Part("a", "x", "drop"), n => n == "drop" ? null : "p." + n), (Part("b", "x"), n => n));
        Assert.Equal(["p.x", "x"], composite.Names);
        Assert.Equal("x", composite.Get("p.x").Name);
        Assert.Equal(2, composite.TotalBytes);
        Assert.EndsWith("a", composite.Get("p.x").File, StringComparison.Ordinal);
        Assert.Contains("a + ", composite.Location, StringComparison.Ordinal);
        Assert.Throws<ModelFormatException>(() => composite.Get("drop"));
    }

    [Fact]
    public void Two_tensors_of_one_name_are_refused_and_the_parts_closed()
    {
        var part = Part("a", "x", "y");
        var tensor = part.Get("x");
        var error = Assert.Throws<ModelFormatException>(() => new CompositeCheckpoint((part, _ => "z")));
        Assert.Contains("tensor 'y' stands for 'z', as does 'x'", error.Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
    }

    [Theory]
    [InlineData("language_model.model.layers.0.mlp.up_proj.weight", "language_model.model.layers.0.mlp.up_proj.weight")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.weight", "language_model.model.layers.0.mlp.up_proj.weight")]
    [InlineData("language_model.lm_head.weight", "language_model.lm_head.weight")]
    [InlineData("lm_head.weight", "language_model.lm_head.weight")]
    [InlineData("model.vision_tower.vision_model.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias")]
    [InlineData("vision_tower.vision_model.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias")]
    [InlineData("model.multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.bias")]
    [InlineData("model.image_newline", "image_newline")]
    [InlineData("image_newline", "image_newline")]
    [InlineData("vision_tower.vision_model.embeddings.position_ids", null)]
    [InlineData("language_model.model.layers.3.self_attn.rotary_emb.inv_freq", null)]
    public void Hugging_face_names_of_both_generations(string stored, string? name) => Assert.Equal(name, LlavaTensorNames.FromHuggingFace(stored));

    [Theory]
    [InlineData("model.embed_tokens.weight", "language_model.model.embed_tokens.weight")]
    [InlineData("model.norm.weight", "language_model.model.norm.weight")]
    [InlineData("lm_head.weight", "language_model.lm_head.weight")]
    [InlineData("model.mm_projector.0.weight", "multi_modal_projector.linear_1.weight")]
    [InlineData("model.mm_projector.2.bias", "multi_modal_projector.linear_2.bias")]
    [InlineData("model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias")]
    [InlineData("model.image_newline", "image_newline")]
    [InlineData("model.layers.3.self_attn.rotary_emb.inv_freq", null)]
    public void Names_of_the_original_layout(string stored, string? name) => Assert.Equal(name, LlavaTensorNames.FromOriginal(stored));

    [Theory]
    [InlineData("vision_model.embeddings.class_embedding", "vision_tower.vision_model.embeddings.class_embedding")]
    [InlineData("vision_model.embeddings.position_ids", null)]
    [InlineData("text_model.final_layer_norm.bias", null)]
    [InlineData("visual_projection.weight", null)]
    [InlineData("logit_scale", null)]
    public void Names_of_a_clip_folder(string stored, string? name) => Assert.Equal(name, LlavaTensorNames.FromClip(stored));

    private Checkpoint Part(string file, params string[] names)
    {
        SafetensorsWriter.Write(_files.Path(file), names.ToDictionary(n => n, _ => TensorData.From([1], 1)));
        return Checkpoint.Open(_files.Path(file));
    }
}
