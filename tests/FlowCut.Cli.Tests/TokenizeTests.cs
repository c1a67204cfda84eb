using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>tokenize on the golden strings of the tokenizer, there and back.</summary>
public class TokenizeTests
{
    private static readonly string s_folder = Goldens.Require("tokenizers/llama");

    [Fact]
    public void Golden_strings_become_the_golden_ids()
    {
        var cases = Cases();
        var result = FlowcutCommand.Run(["tokenize", "--model", Path.Combine(s_folder, "hf-llava")], input: string.Concat(cases.Select(c => c.GetProperty("text").GetRawText() + "\n")));
        Assert.True(result.ExitStatus == 0, result.Error);
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(cases.Count, lines.Length);
        for (var i = 0; i < lines.Length; i++)
            Assert.Equal(Ints(cases[i].GetProperty("hf_fast")), JsonSerializer.Deserialize<int[]>(lines[i])!);
    }

    [Fact]
    public void Golden_ids_become_the_golden_strings()
    {
        var cases = Cases();
        var input = string.Concat(cases.Select(c => $"[{string.Join(", ", Ints(c.GetProperty("hf_fast")))}]\n"));
        var result = FlowcutCommand.Run(["tokenize", "--model", Path.Combine(s_folder, "hf-llava"), "--decode"], input: input);
        Assert.True(result.ExitStatus == 0, result.Error);
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(cases.Count, lines.Length);
        for (var i = 0; i < lines.Length; i++)
            Assert.Equal(cases[i].GetProperty("hf_fast_decoded").GetString(), JsonSerializer.Deserialize<string>(lines[i]));
    }

    [Fact]
    public void The_tokenizer_model_alone_is_enough()
    {
        using var folder = new TemporaryFolder();
        folder.Copy(Path.Combine(s_folder, "tokenizer.model"), "tokenizer.model");
        var cases = Cases().Where(c => !c.TryGetProperty("differs", out _)).Take(50).ToList();
        var result = FlowcutCommand.Run(["tokenize", "--model", folder.FullPath], input: string.Concat(cases.Select(c => c.GetProperty("text").GetRawText() + "\n")));
        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Equal(cases.Select(c => $"[{string.Join(", ", Ints(c.GetProperty("sp")))}]"), result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("\"fine\"\nnot JSON\n", "", "line 2")]
    [InlineData("[1, 2]\n", "", "expected a JSON string")]
    [InlineData("\"\\ud800\"\n", "", "surrogate")]
    [InlineData("\"text\"\n", "--decode", "expected a JSON array")]
    [InlineData("[1, 99999]\n", "--decode", "99999 is no token id")]
    [InlineData("[-1]\n", "--decode", "-1 is no token id")]
    public void A_line_that_is_not_what_it_should_be_is_named(string input, string option, string reason)
    {
        var result = FlowcutCommand.Run(["tokenize", "--model", s_folder, .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)], input: input);
        Assert.Equal(ExitStatus.BadInput, result.ExitStatus);
        Assert.Single(result.ErrorLines);
        Assert.Contains("standard input, line", result.Error, StringComparison.Ordinal);
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
    }

    private static List<JsonElement> Cases() =>
        [.. File.ReadLines(Path.Combine(s_folder, "tokenizer-cases.jsonl")).Where(l => l.Length > 0).Select(l => JsonDocument.Parse(l).RootElement)];

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(i => i.GetInt32())];
}
