using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>The trained model that the repository carries answers what the README says it does.</summary>
public class DemoModelTests
{
    private static string Folder { get; } = Path.Combine(Goldens.Repository, "samples", "demo-model");

    private static string Model { get; } = Path.Combine(Folder, "model");

    [Fact]
    public void The_demo_describes_its_picture_with_a_quarter_of_the_patches()
    {
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(
            ["generate", "--model", Model, "--image", Path.Combine(Folder, "heldout", "064.jpg"), "--prompt", "Describe the picture.", "--keep", "64",
             "--max-tokens", "48", "--device", "cpu", "--show", "--overlay", "kept.png"], folder.FullPath);
        Assert.Equal(0, result.ExitStatus);
        Assert.Equal("A boat, a blue triangle, a butterfly, an octopus and a grape. The sign says TEA.", result.Output.Trim());
        Assert.Equal(["kept.png"], folder.Files);
        // tests have no terminal, and this is said
        Assert.Contains("--show: no picture", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void It_answers_most_held_out_questions_and_pruned_fewer()
    {
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(
            ["eval", "--model", Model, "--data", Path.Combine(Folder, "heldout", "questions.jsonl"), "--method", "flowcut", "--keep", "16", "--limit", "120",
             "--instruction", "", "--max-tokens", "48", "--device", "cpu", "--json"], folder.FullPath);
        Assert.True(result.ExitStatus == 0, result.Error);
        using var table = JsonDocument.Parse(result.Output);
        var accuracy = table.RootElement.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("accuracy").GetDouble()).ToList();
        // 98.3 % and 50.8 % when it was trained; room for answers that hang on the last digits
        Assert.InRange(accuracy[0], 0.96, 1);
        Assert.InRange(accuracy[1], 0.44, 0.58);
    }
}
