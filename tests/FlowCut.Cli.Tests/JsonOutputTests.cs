using System.Text.Json;

namespace FlowCut.Cli.Tests;

/// <summary>What scripts read: standard output, the JSON object, files.</summary>
public class JsonOutputTests
{
    [Fact]
    public void The_object_has_the_documented_fields()
    {
        var result = FlowcutProcess.Run(Sample.Generate("--keep", "16", "--json", "--ignore-eos"));
        result.AssertDone();
        using var json = JsonDocument.Parse(result.Output);
        var answer = json.RootElement;
        Assert.Equal(["text", "ids", "finish", "tokens", "ms", "method", "keep", "device", "dtype", "peak_bytes"], answer.EnumerateObject().Select(p => p.Name));
        Assert.Equal(["image", "kept", "prompt", "generated"], answer.GetProperty("tokens").EnumerateObject().Select(p => p.Name));
        Assert.Equal(["load", "preprocess", "vision", "prefill", "decode"], answer.GetProperty("ms").EnumerateObject().Select(p => p.Name));
        Assert.Equal(64, answer.GetProperty("tokens").GetProperty("image").GetInt32());
        Assert.Equal(16, answer.GetProperty("tokens").GetProperty("kept").GetInt32());
        Assert.Equal(4, answer.GetProperty("tokens").GetProperty("generated").GetInt32());
        Assert.Equal(4, answer.GetProperty("ids").GetArrayLength());
        Assert.Equal("length", answer.GetProperty("finish").GetString());
        Assert.Equal("flowcut", answer.GetProperty("method").GetString());
        Assert.Equal(16, answer.GetProperty("keep").GetInt32());
        Assert.Equal("cpu", answer.GetProperty("device").GetString());
        Assert.Equal("f32", answer.GetProperty("dtype").GetString());
        Assert.True(answer.GetProperty("peak_bytes").GetInt64() > 1 << 20);
        Assert.All(answer.GetProperty("ms").EnumerateObject(), p => Assert.True(p.Value.GetDouble() >= 0));
    }

    [Fact]
    public void Without_a_method_nothing_is_pruned()
    {
        var result = FlowcutProcess.Run(Sample.Generate("--json"));
        using var json = JsonDocument.Parse(result.Output);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("method").ValueKind);
        Assert.Equal(64, json.RootElement.GetProperty("tokens").GetProperty("kept").GetInt32());
    }

    [Fact]
    public void Standard_output_holds_the_answer_and_nothing_else()
    {
        var text = FlowcutProcess.Run(Sample.Generate());
        using var json = JsonDocument.Parse(FlowcutProcess.Run(Sample.Generate("--json")).Output);
        Assert.Equal(json.RootElement.GetProperty("text").GetString()!.Trim(), text.Output.Trim());
        Assert.Contains("visual tokens 64 of 64", text.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', text.Error);
    }

    [Fact]
    public void A_seed_names_one_answer_and_top_k_1_is_greedy()
    {
        string Ids(params string[] options)
        {
            using var json = JsonDocument.Parse(FlowcutProcess.Run(Sample.Generate(["--json", "--ignore-eos", .. options])).Output);
            return json.RootElement.GetProperty("ids").ToString();
        }

        var greedy = Ids();
        Assert.Equal(greedy, Ids("--temperature", "0.8", "--top-k", "1", "--seed", "5"));
        var seeded = Ids("--temperature", "1", "--seed", "7");
        Assert.Equal(seeded, Ids("--temperature", "1", "--seed", "7"));
        Assert.Contains(new[] { "8", "9", "10" }, seed => Ids("--temperature", "1", "--seed", seed) != seeded);
    }

    [Fact]
    public void A_ratio_is_a_share_of_the_picture_rounded_half_to_even()
    {
        using var json = JsonDocument.Parse(FlowcutProcess.Run(Sample.Generate("--json", "--keep-ratio", "0.2578125")).Output);
        Assert.Equal(16, json.RootElement.GetProperty("keep").GetInt32()); // 16.5
    }

    [Fact]
    public void The_overlay_is_a_picture_and_no_temporary_file_stays()
    {
        using var folder = new TemporaryFolder();
        FlowcutProcess.Run(Sample.Generate("--keep", "8", "--overlay", folder.File("kept.png"))).AssertDone();
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder.File("kept.png")).Take(4));
        folder.AssertHolds("kept.png");
    }
}
