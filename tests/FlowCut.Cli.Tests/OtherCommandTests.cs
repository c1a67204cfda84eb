using System.Text.Json;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>The commands beside generate, as a user or a script runs them.</summary>
public class OtherCommandTests
{
    [Theory]
    [InlineData]
    [InlineData("generate")]
    [InlineData("chat")]
    [InlineData("analyze")]
    [InlineData("bench")]
    [InlineData("tokenize")]
    [InlineData("methods")]
    [InlineData("doctor")]
    [InlineData("model")]
    [InlineData("model", "info")]
    [InlineData("model", "convert")]
    public void Every_command_explains_itself(params string[] command)
    {
        var result = FlowcutProcess.Run([.. command, "--help"]);
        result.AssertDone();
        Assert.Contains("Usage", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_go_both_ways_a_line_at_a_time()
    {
        string[] texts = ["Hello, world", "  two  spaces", "naïve 😀 \u4f60\u597d", "", "line\nbreak"];
        var lines = string.Concat(texts.Select(t => JsonSerializer.Serialize(t) + "\n"));
        var encoded = FlowcutProcess.Run(["tokenize", "--model", Sample.Model], lines);
        encoded.AssertDone();
        Assert.Equal(texts.Length, encoded.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var decoded = FlowcutProcess.Run(["tokenize", "--model", Sample.Model, "--decode"], encoded.Output);
        decoded.AssertDone();
        Assert.Equal(texts, decoded.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonSerializer.Deserialize<string>(l)!));
    }

    [Fact]
    public void A_line_that_is_no_JSON_string_is_refused_by_number()
    {
        var result = FlowcutProcess.Run(["tokenize", "--model", Sample.Model], "\"fine\"\nnot json\n");
        Assert.Equal(2, result.Status);
        Assert.Contains("line 2", result.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Methods_lists_options_with_defaults()
    {
        var result = FlowcutProcess.Run("methods");
        result.AssertDone();
        foreach (var part in new[] { "flowcut", "criteria", "attention+semantic+density", "schedule", "2505.19536" }) Assert.Contains(part, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_reports_the_processor()
    {
        var result = FlowcutProcess.Run("doctor");
        result.AssertDone();
        Assert.Contains("cpu", result.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Model_info_tells_sizes_and_budgets()
    {
        var result = FlowcutProcess.Run("model", "info", Sample.Model);
        result.AssertDone();
        Assert.Contains("llava", result.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("64", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_converted_model_answers_alike()
    {
        Goldens.Require("clip-vit-tiny-patch14-112");
        var original = Goldens.Require("llava-1.5-tiny-original");
        using var folder = new TemporaryFolder();
        FlowcutProcess.Run("model", "convert", original, folder.File("converted")).AssertDone();
        string Ids(string model)
        {
            using var json = JsonDocument.Parse(FlowcutProcess.Run(Sample.GenerateWith(model, Sample.Picture, "--keep", "16", "--json")).Output);
            return json.RootElement.GetProperty("ids").ToString();
        }

        Assert.Equal(Ids(original), Ids(folder.File("converted")));
    }

    [Fact]
    public void Convert_does_not_overwrite_what_is_there()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("precious.txt", [1]);
        Goldens.Require("clip-vit-tiny-patch14-112");
        var result = FlowcutProcess.Run("model", "convert", Goldens.Require("llava-1.5-tiny-original"), folder.Path);
        Assert.Equal(2, result.Status);
        Assert.True(File.Exists(file));
        folder.AssertHolds("precious.txt");
    }

    [Fact]
    public void Analyze_writes_a_page_that_needs_nothing_else()
    {
        using var folder = new TemporaryFolder();
        FlowcutProcess.Run("analyze", "--model", Sample.Model, "--image", Sample.Picture, "--keep", "32,8", "--out", folder.File("report")).AssertDone();
        var files = Directory.GetFiles(folder.File("report"));
        var page = File.ReadAllText(Assert.Single(files, f => f.EndsWith(".html", StringComparison.Ordinal)));
        Assert.DoesNotMatch("(src|href)=\"(?!data:|#)", page);
        Assert.Contains("data:image/", page, StringComparison.Ordinal);
        Assert.Contains("entropy", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(files, f => f.EndsWith(".png", StringComparison.Ordinal));
    }

    [Fact]
    public void Bench_times_every_part_at_every_budget()
    {
        var result = FlowcutProcess.Run("bench", "--model", Sample.Model, "--keep", "16,8", "--rounds", "2", "--json");
        result.AssertDone();
        using var json = JsonDocument.Parse(result.Output);
        var rows = json.RootElement.GetProperty("rows").EnumerateArray().Select(r => (r.GetProperty("part").GetString(), r.GetProperty("visual_tokens").GetInt32())).ToList();
        foreach (var part in new[] { "vision", "prefill", "decode" })
        {
            foreach (var keep in new[] { 64, 16, 8 }) Assert.Contains((part, keep), rows);
        }

        Assert.All(json.RootElement.GetProperty("rows").EnumerateArray(), r => Assert.True(r.GetProperty("median_ms").GetDouble() > 0));
    }

    [Fact]
    public void A_dialogue_obeys_its_commands_and_survives_mistakes()
    {
        var script = $"/stats\n/image {Sample.Picture}\nWhat is it?\n/keep 8\nAnd now?\n/stats\n/keep 1000\n/nonsense\n/clear\n/exit\n";
        var result = FlowcutProcess.Run(["chat", "--model", Sample.Model, "--max-tokens", "3", "--ignore-eos"], script);
        result.AssertDone();
        Assert.NotEqual("", result.Output.Trim());
        Assert.Contains("no answer yet", result.Error, StringComparison.Ordinal);
        Assert.Contains("visual tokens 8 of 64", result.Error, StringComparison.Ordinal);
        Assert.Contains("1 to 64", result.Error, StringComparison.Ordinal);
        Assert.Contains("/nonsense", result.Error, StringComparison.Ordinal);
    }
}
