using System.Text.RegularExpressions;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Imaging.Skia;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>The page of analyze and the pictures beside it.</summary>
public class AnalyzeTests
{
    [Fact]
    public void The_page_holds_everything_itself()
    {
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(
            ["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "<b>Which</b> animal?", "--keep", "16,8", "--max-tokens", "4", "--device", "cpu", "--out", "out"],
            folder.FullPath);

        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Equal(Path.Combine("out", "index.html"), result.Output.TrimEnd());
        var page = File.ReadAllText(folder["out/index.html"]);
        Assert.Contains("kept: 16 of 64", page, StringComparison.Ordinal);
        Assert.Contains("kept: 8 of 64", page, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;Which&lt;/b&gt; animal?", page, StringComparison.Ordinal);
        // whatever is loaded is inside: no address, no script, no style sheet
        Assert.All(Regex.Matches(page, "(?:src|href)\\s*=\\s*\"([^\"]*)\"").Select(m => m.Groups[1].Value), v => Assert.StartsWith("data:", v, StringComparison.Ordinal));
        Assert.DoesNotMatch("<script|<link|@import|url\\(", page);

        var pictures = folder.Files.Where(f => f.EndsWith(".png", StringComparison.Ordinal)).ToList();
        Assert.Equal(folder.Files.Count - 1, pictures.Count);
        Assert.Contains("out/flowcut-16-kept.png", pictures);
        Assert.Contains("out/flowcut-8-kept.png", pictures);
        Assert.Contains(pictures, p => p.EndsWith("cumulative-score.png", StringComparison.Ordinal));
        Assert.All(pictures, p => Assert.Equal("Png", PictureFile.Load(folder[p]).Format));
    }

    [Fact]
    public void Methods_that_choose_once_or_in_the_language_model_have_a_page_too()
    {
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(
            ["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "Which?", "--keep", "20", "--method", "uniform,fastv", "--max-tokens", "2", "--device", "cpu", "--out", "out"],
            folder.FullPath);
        Assert.True(result.ExitStatus == 0, result.Error);
        var page = File.ReadAllText(folder["out/index.html"]);
        Assert.Contains("kept: 20 of 64", page, StringComparison.Ordinal);
        // one of four layers sees all: (4·20 − 64)/3
        Assert.Contains("kept: 5 of 64", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Variants_of_methods_have_files_that_any_system_can_name()
    {
        using var folder = new TemporaryFolder();
        var clip = Goldens.Require("rivals/cdpruner-clip");
        var result = FlowcutCommand.Run(
            ["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "Which?", "--keep", "16", "--method", $"cdpruner clip={clip}", "--method", "flowcut llm-stage=4@1",
             "--max-tokens", "2", "--device", "cpu", "--out", "out"], folder.FullPath);
        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Contains("out/cdpruner-variant1-16-kept.png", folder.Files);
        Assert.Contains("out/flowcut-variant2-16-kept.png", folder.Files);
        var page = File.ReadAllText(folder["out/index.html"]);
        Assert.Contains("<h2>flowcut llm-stage=4@1, 16 tokens kept</h2>", page, StringComparison.Ordinal);
        Assert.Contains("kept: 4 of 64", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--method", "fastv", "--prompt")]
    [InlineData("--method", "flowcut llm-stage=4@1", "--prompt")]
    [InlineData("--keep", "0", "1 to 64")]
    [InlineData("--keep", "16,65", "1 to 64")]
    [InlineData("--keep", "a", "1 to 64")]
    [InlineData("--method", "fastest", "the methods are")]
    [InlineData("--method", ",", "--method")]
    [InlineData("--keep", ",", "--keep")]
    public void Wrong_values_leave_no_folder(string option, string value, string reason) =>
        Refusal.AssertRefused(["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--out", "out", option, value], reason);
}
