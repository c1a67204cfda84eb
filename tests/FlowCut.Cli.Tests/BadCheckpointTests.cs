using System.Text.Json.Nodes;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>Model folders with something wrong: each is refused with a message that names the file and the reason.</summary>
public sealed class BadCheckpointTests : IDisposable
{
    private const string Weights = "model.safetensors";
    private const string Norm = "language_model.model.norm.weight";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_that_does_not_exist() => AssertRefused(_folder["absent"], "absent", "does not exist");

    [Fact]
    public void A_folder_without_a_configuration() => AssertRefused(_folder.MakeFolder("empty"), "config.json", "missing");

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(1000)]
    public void Weights_that_end_within_the_header(int length)
    {
        var model = Damaged();
        _folder.Write($"model/{Weights}", File.ReadAllBytes(Path.Combine(Sample.Model, Weights))[..length]);
        AssertRefused(model, Weights);
    }

    [Fact]
    public void Weights_that_end_within_the_data()
    {
        var model = Damaged();
        _folder.Write($"model/{Weights}", File.ReadAllBytes(Path.Combine(Sample.Model, Weights))[..^100]);
        AssertRefused(model, Weights);
    }

    [Theory]
    [InlineData(100_000_001)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    public void A_header_that_claims_to_be_huge(long length)
    {
        var model = Damaged();
        var bytes = File.ReadAllBytes(Path.Combine(Sample.Model, Weights));
        BitConverter.GetBytes(length).CopyTo(bytes, 0);
        _folder.Write($"model/{Weights}", bytes);
        AssertRefused(model, Weights, "header");
    }

    [Fact]
    public void Tensors_that_overlap()
    {
        var weights = new SafetensorsEditor(Path.Combine(Sample.Model, Weights));
        var (begin, end) = weights.Offsets(Norm);
        var previous = weights.Header.First(t => t.Key != "__metadata__" && weights.Offsets(t.Key).End == begin).Key;
        // of the same length, shifted onto the tensor before it
        weights.Header[Norm]!["data_offsets"] = new JsonArray(begin - 2, end - 2);
        AssertRefused(Damaged(weights), Weights, Norm, "overlaps", previous);
    }

    [Fact]
    public void A_tensor_that_is_missing()
    {
        var weights = new SafetensorsEditor(Path.Combine(Sample.Model, Weights));
        // renamed: a removed one would leave a hole in the data, which is an error of its own
        var tensor = weights.Header[Norm];
        weights.Header.Remove(Norm);
        weights.Header["language_model.model.other.weight"] = tensor;
        AssertRefused(Damaged(weights), Weights, Norm);
    }

    [Fact]
    public void A_tensor_of_another_shape()
    {
        var weights = new SafetensorsEditor(Path.Combine(Sample.Model, Weights));
        weights.Header[Norm]!["shape"] = new JsonArray(64, 2);
        AssertRefused(Damaged(weights), Weights, Norm, "64", "128");
    }

    [Fact]
    public void A_shard_that_is_missing()
    {
        const string shard = "model-00002-of-00002.safetensors";
        AssertRefused(_folder.CopyFolder(Goldens.Require("llava-1.5-mini-renamed"), "model", without: shard), shard, "missing");
    }

    [Fact]
    public void A_model_type_that_is_unknown() =>
        AssertRefused(WithConfiguration(c => c["model_type"] = "llava_phi"), "config.json", "llava_phi", "supported are llava");

    [Theory]
    [InlineData("model_type")]
    [InlineData("text_config.num_hidden_layers")]
    [InlineData("vision_config.patch_size")]
    [InlineData("vision_feature_layer")]
    [InlineData("image_token_index")]
    public void A_configuration_without_a_key(string path)
    {
        var keys = path.Split('.');
        AssertRefused(WithConfiguration(c => keys[..^1].Aggregate((JsonNode)c, (node, key) => node[key]!).AsObject().Remove(keys[^1])), "config.json", keys[^1]);
    }

    [Fact]
    public void A_configuration_that_is_cut_off()
    {
        var model = Damaged("config.json");
        _folder.Write("model/config.json", File.ReadAllBytes(Path.Combine(Sample.Model, "config.json"))[..200]);
        AssertRefused(model, "config.json", "JSON");
    }

    [Fact]
    public void A_tokenizer_with_ids_beyond_the_embedding() =>
        // the picture token is within, so that the tokenizer's others are what is wrong
        AssertRefused(WithConfiguration(c => (c["text_config"]!["vocab_size"], c["image_token_index"]) = (900, 899)), "config.json", "vocab_size", "900", "1001");

    [Fact]
    public void An_embedding_of_fewer_rows_than_the_configuration_says() =>
        AssertRefused(WithConfiguration(c => c["text_config"]!["vocab_size"] = 2000), Weights, "embed_tokens", "2000", "1024");

    [Fact]
    public void A_folder_without_a_tokenizer() =>
        AssertRefused(_folder.CopyFolder(Sample.Model, "model", "tokenizer.json", "tokenizer.model"), "tokenizer.json", "tokenizer.model");

    [Fact]
    public void A_vision_tower_that_is_nowhere()
    {
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Sample.Model, "config.json")));
        // the authors' layout: the decoder's keys at the top, the tower by name
        var config = JsonNode.Parse(json.RootElement.GetProperty("text_config").GetRawText())!.AsObject();
        config["model_type"] = "llava_llama";
        config["mm_projector_type"] = "mlp2x_gelu";
        config["mm_vision_tower"] = "openai/clip-of-nowhere";
        var model = Damaged("config.json");
        File.WriteAllText(_folder["model/config.json"], config.ToJsonString());
        AssertRefused(model, "openai/clip-of-nowhere", "--vision-tower", _folder["clip-of-nowhere"]);
    }

    private static void AssertRefused(string model, params string[] named) => Refusal.AssertGenerateRefused(model, Sample.Picture, named);

    /// <summary>The sample without the file that the test writes itself.</summary>
    private string Damaged(string file = Weights) => _folder.CopyFolder(Sample.Model, "model", without: file);

    private string Damaged(SafetensorsEditor weights)
    {
        var model = Damaged();
        _folder.Write($"model/{Weights}", weights.ToBytes());
        return model;
    }

    private string WithConfiguration(Action<JsonObject> change)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Sample.Model, "config.json")))!.AsObject();
        change(config);
        var model = _folder.CopyFolder(Sample.Model, "model", without: "config.json");
        File.WriteAllText(_folder["model/config.json"], config.ToJsonString());
        return model;
    }
}
