using System.Text.Json;
using FlowCut.Models.Checkpoints;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Checkpoints;

public class GoldenCheckpointTests
{
    [Theory]
    [InlineData("llava-1.5-tiny/model.safetensors", 434)]
    [InlineData("llava-1.5-mid/model.safetensors", 686)]
    [InlineData("llava-1.5-mini-renamed/model-00001-of-00002.safetensors", 27)]
    [InlineData("llava-1.5-mini-renamed/model-00002-of-00002.safetensors", 28)]
    [InlineData("internvl2-tiny-qwen2/model.safetensors", 217)]
    [InlineData("internvl2-tiny-internlm2/unpruned-tall.safetensors", 17)]
    public void A_file_holds_what_an_independent_reading_of_its_header_says(string relativePath, int count)
    {
        var path = Goldens.Require(relativePath);
        var bytes = File.ReadAllBytes(path);
        var headerLength = (int)BitConverter.ToUInt64(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, headerLength));
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(count, checkpoint.Names.Count);
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
            {
                Assert.Equal("pt", checkpoint.Metadata["format"]);
                continue;
            }

            var tensor = checkpoint.Get(entry.Name);
            Assert.Equal(entry.Value.GetProperty("dtype").GetString(), tensor.TypeName);
            Assert.Equal(entry.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()), tensor.Shape);
            var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(e => e.GetInt32()).ToArray();
            Assert.True(bytes.AsSpan(8 + headerLength)[offsets[0]..offsets[1]].SequenceEqual(tensor.Bytes), entry.Name);
        }
    }

    [Fact]
    public void Shards_are_joined_by_their_index()
    {
        var folder = Goldens.Require("llava-1.5-mini-renamed");
        using var checkpoint = Checkpoint.Open(folder);
        Assert.Equal(55, checkpoint.Names.Count);
        Assert.Equal(989440, checkpoint.TotalBytes);
        Assert.EndsWith("model-00001-of-00002.safetensors", checkpoint.Get("lm_head.weight").File, StringComparison.Ordinal);
        using var second = Checkpoint.Open(Path.Combine(folder, "model-00002-of-00002.safetensors"));
        foreach (var name in second.Names) Assert.True(second.Get(name).Bytes.SequenceEqual(checkpoint.Get(name).Bytes), name);
    }

    [Fact]
    public void The_original_layout_and_its_clip_folder_hold_the_weights_of_the_hugging_face_layout()
    {
        using var expected = Renamed("llava-1.5-tiny", LlavaTensorNames.FromHuggingFace);
        using var actual = new CompositeCheckpoint(
            (Checkpoint.Open(Goldens.Require("llava-1.5-tiny-original")), LlavaTensorNames.FromOriginal),
            (Checkpoint.Open(Goldens.Require("clip-vit-tiny-patch14-112")), LlavaTensorNames.FromClip));
        Assert.Equal(434, expected.Names.Count);
        foreach (var name in expected.Names)
        {
            var (e, a) = (expected.Get(name), actual.Get(name));
            Assert.Equal(e.Type, a.Type);
            if (name is "language_model.model.embed_tokens.weight" or "language_model.lm_head.weight")
            {
                // the Hugging Face layout pads the vocabulary
                Assert.Equal([1024, 128], e.Shape);
                Assert.Equal([1000, 128], a.Shape);
                Assert.True(e.Bytes[..(int)a.ByteLength].SequenceEqual(a.Bytes), name);
            }
            else
            {
                Assert.Equal(e.Shape, a.Shape);
                Assert.True(e.Bytes.SequenceEqual(a.Bytes), name);
            }
        }

        Assert.Equal(expected.Names.Order(StringComparer.Ordinal), actual.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Both_generations_of_hugging_face_names_come_to_one_scheme()
    {
        using var old = Renamed("llava-1.5-tiny", LlavaTensorNames.FromHuggingFace);
        using var renamed = Renamed("llava-1.5-mini-renamed", LlavaTensorNames.FromHuggingFace);
        Assert.Empty(renamed.Names.Except(old.Names));
        Assert.Contains("language_model.lm_head.weight", renamed.Names);
        Assert.Contains("vision_tower.vision_model.embeddings.class_embedding", renamed.Names);
    }

    [Fact]
    public void Pickled_tensors_of_every_stored_type_have_their_values()
    {
        using var clip = Checkpoint.Open(Goldens.Require("clip-vit-tiny-patch14-112"));
        var positions = clip.Get("vision_model.embeddings.position_ids", 1, 65);
        Assert.Equal(StoredType.Int64, positions.Type);
        Assert.Equal(Enumerable.Range(0, 65).Select(i => (long)i), System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(positions.Bytes).ToArray());
        Assert.Empty(clip.Get("logit_scale").Shape);

        using var original = Checkpoint.Open(Goldens.Require("llava-1.5-tiny-original"));
        var frequencies = original.Get("model.layers.0.self_attn.rotary_emb.inv_freq");
        Assert.Equal(StoredType.Float32, frequencies.Type);
        var values = new float[frequencies.ElementCount];
        frequencies.ReadSingles(values);
        for (var i = 0; i < values.Length; i++) Assert.Equal(Math.Pow(10000, -2.0 * i / (2 * values.Length)), values[i], 1e-6);
    }

    private static CompositeCheckpoint Renamed(string folder, Func<string, string?> rename) => new((Checkpoint.Open(Goldens.Require(folder)), rename));
}
