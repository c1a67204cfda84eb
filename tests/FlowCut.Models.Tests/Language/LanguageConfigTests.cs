using System.Text.Json.Nodes;
using FlowCut.Models.Families;
using FlowCut.Models.Language;

namespace FlowCut.Models.Tests.Language;

public sealed class LanguageConfigTests : IDisposable
{
    private const string Complete = """
        {"hidden_size": 128, "intermediate_size": 352, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3,
         "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "vocab_size": 1024}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    [Fact]
    public void Absent_settings_have_the_defaults_of_the_format()
    {
        var config = Read(_ => { });
        Assert.Equal(10000, config.RopeTheta);
        Assert.Equal(32, config.HeadSize);
        Assert.False(config.TiedEmbeddings);
        Assert.Equal(4, Read(json => json.Remove("num_key_value_heads")).KeyValueHeads);
    }

    [Fact]
    public void The_base_of_the_rotation_stands_in_either_of_two_places()
    {
        Assert.Equal(500000, Read(json => json["rope_theta"] = 500000).RopeTheta);
        Assert.Equal(500000, Read(json => json["rope_parameters"] = new JsonObject { ["rope_theta"] = 500000, ["rope_type"] = "default" }).RopeTheta);
    }

    [Fact]
    public void Without_all_sizes_they_are_those_of_the_7B_model()
    {
        var config = Read(json =>
        {
            foreach (var key in new[] { "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers" }) json.Remove(key);
        });
        Assert.Equal((4096, 11008, 32, 32, 128), (config.HiddenSize, config.IntermediateSize, config.Layers, config.Heads, config.HeadSize));
    }

    [Fact]
    public void What_is_not_supported_is_named()
    {
        Refused("linear", json => json["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 2 });
        Refused("llama3", json => json["rope_parameters"] = new JsonObject { ["rope_theta"] = 500000, ["rope_type"] = "llama3" });
        Refused("yarn", json => json["rope_scaling"] = new JsonObject { ["type"] = "yarn", ["factor"] = 4, ["mrope_section"] = new JsonArray(4, 6, 6) });
        Refused("attention", json => json["attention_bias"] = true);
        Refused("hidden_act", json => json["hidden_act"] = "gelu");
        Refused("num_hidden_layers", json => json.Remove("num_hidden_layers"));
        Refused("vocab_size", json => json.Remove("vocab_size"));
        Refused("rms_norm_eps", json => json["rms_norm_eps"] = -1);
        Refused("heads", json => json["num_key_value_heads"] = 3);
        Refused("heads", json => json["num_attention_heads"] = 3);
        Refused("head size", json => json["head_dim"] = 31);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private LanguageConfig Read(Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(Complete)!.AsObject();
        edit(json);
        var file = Path.Combine(_folder, "config.json");
        File.WriteAllText(file, json.ToJsonString());
        var section = JsonSection.Read(file);
        return LanguageConfig.Read(section, section, "llama");
    }

    private void Refused(string named, Action<JsonObject> edit)
    {
        var error = Assert.Throws<ModelFormatException>(() => Read(edit));
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }
}
