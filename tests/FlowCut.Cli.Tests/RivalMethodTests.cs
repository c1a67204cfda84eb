using System.Runtime.InteropServices;
using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>The other methods by the command line.</summary>
public class RivalMethodTests
{
    /// <summary>The arguments that a golden file names: what is kept, where the file says it, and the tokens.</summary>
    [Theory]
    [InlineData("fastv-64-chelsea")]
    [InlineData("sparsevlm-192-chelsea")]
    [InlineData("pdrop-64-coffee-wide")]
    [InlineData("visionzip-64-chelsea")]
    [InlineData("divprune-64-coffee-wide")]
    [InlineData("cdpruner-32-chelsea")]
    [InlineData("holov-192-chelsea")]
    [InlineData("vscan-64-chelsea")]
    public void A_golden_case_by_its_command_line(string name)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require($"rivals/{name}.json")));
        using var golden = Checkpoint.Open(Goldens.Require($"rivals/{name}.safetensors"));
        using var folder = new TemporaryFolder();
        var arguments = facts.RootElement.GetProperty("cli").EnumerateArray().Select(a => a.GetString()!)
            .Select(a => a.StartsWith("../", StringComparison.Ordinal) ? Goldens.Require(a[3..]) : a == "clip=cdpruner-clip" ? Clip : a);
        var result = FlowcutCommand.Run([.. arguments, "--device", "cpu", "--trace", folder["trace.safetensors"], "--json"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        using var trace = Checkpoint.Open(folder["trace.safetensors"]);
        foreach (var tensor in golden.Names.Where(n => n.EndsWith("keep_indices", StringComparison.Ordinal) || n.EndsWith("position_ids", StringComparison.Ordinal) || n == "text.ids"))
        {
            if (tensor != "language.decode.position_ids") Assert.Equal(Integers(golden, tensor), Integers(trace, tensor));
        }

        Assert.Equal(Integers(golden, "generated.ids"), Integers(trace, "generated.ids"));
    }

    [Theory]
    [InlineData("--method fastv", "--keep N", "--set count=")]
    [InlineData("--method fastv --keep 20 --set count=4", "count", "give one")]
    [InlineData("--method visionzip --set dominant=4", "--keep N", "--set contextual=")]
    [InlineData("--method sparsevlm --keep 16", "sparsevlm", "5 or more")]
    [InlineData("--method fastv --keep 8", "average of 8", "17 is the least")]
    [InlineData("--method pdrop --set layers=9 --set ratios=0.5", "layer 9", "1 to 3")]
    [InlineData("--method random --keep 8 --set seed=x", "seed", "a whole number")]
    [InlineData("--method cdpruner --keep 8", "hf download openai/clip-vit-large-patch14-336", "--set clip=")]
    [InlineData("--method cdpruner --keep 8 --set clip=missing", "cdpruner", "missing (clip) does not exist")]
    public void What_does_not_fit_is_said(string options, string part, string reason)
    {
        var result = FlowcutCommand.Run(Sample.Generate(options.Split(' ')));
        Assert.Equal(2, result.ExitStatus);
        Assert.Contains(part, result.Error, StringComparison.Ordinal);
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("visionzip", "dominant=5", "contextual=3", 8)]
    [InlineData("fastv", "layer=1", "count=3", 3)]
    [InlineData("vscan", "encoder-keep=32", "counts=5", 5)]
    public void A_whole_budget_may_stand_in_the_options(string method, string first, string second, int kept)
    {
        var answer = JsonAnswer.Of(Sample.Generate("--method", method, "--set", first, "--set", second));
        Assert.Equal(method, answer.GetProperty("method").GetString());
        Assert.Equal(kept, answer.GetProperty("tokens").GetProperty("kept").GetInt32());
    }

    [Fact]
    public void Methods_lists_every_method_with_its_options()
    {
        var result = FlowcutCommand.Run(["methods"]);
        foreach (var method in PruningMethod.All)
        {
            Assert.Contains($"{method.Name}: {method.Summary}", result.Output, StringComparison.Ordinal);
            Assert.All(method.Options, option => Assert.Contains($"--set {option.Name}=", result.Output, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_dialogue_changes_between_methods()
    {
        var result = FlowcutCommand.Run(
            ["chat", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--max-tokens", "2", "--ignore-eos", "--method", "fastv", "--set", "count=9"],
            input: "Why?\n/stats\n/keep 30\nWhy?\n/method uniform\n/keep 5\n/clear\nWhy?\n/stats\n");
        Assert.Equal(0, result.ExitStatus);
        Assert.StartsWith("visual tokens 9 of 64", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.StartsWith("visual tokens 5 of 64", result.ErrorLines[^1], StringComparison.Ordinal);
    }

    private static string Clip => $"clip={Goldens.Require("rivals/cdpruner-clip")}";

    private static long[] Integers(Checkpoint checkpoint, string name) => MemoryMarshal.Cast<byte, long>(checkpoint.Get(name).Bytes).ToArray();
}
