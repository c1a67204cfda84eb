using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>Files that were asked for and cannot be written are refused before the work starts.</summary>
public class OutputPathTests
{
    [Theory]
    [InlineData("--trace")]
    [InlineData("--overlay")]
    public void A_file_in_a_folder_that_does_not_exist(string option) =>
        Refusal.AssertRefused([.. Sample.Generate("--keep", "16", option, "nowhere/file")], "nowhere", "does not exist");

    [Theory]
    [InlineData("--trace")]
    [InlineData("--overlay")]
    public void A_path_that_is_a_folder(string option)
    {
        using var folder = new TemporaryFolder();
        Refusal.AssertRefused([.. Sample.Generate("--keep", "16", option, folder.FullPath)], folder.FullPath, "folder");
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("--trace")]
    [InlineData("--overlay")]
    public void A_path_below_a_file(string option)
    {
        using var folder = new TemporaryFolder();
        folder.Write("file", 1);
        Refusal.AssertRefused([.. Sample.Generate("--keep", "16", option, folder["file/below"])], "file", "does not exist");
        Assert.Equal(["file"], folder.Files);
    }

    [Theory]
    [InlineData("--trace")]
    [InlineData("--overlay")]
    public void A_path_that_is_empty(string option) => Refusal.AssertRefused([.. Sample.Generate("--keep", "16", option, "")], "the path is empty");

    [Fact]
    public void Empty_paths_of_other_commands()
    {
        Refusal.AssertRefused(["generate", "--model", Sample.Model, "--image", "", "--prompt", "What?", "--device", "cpu"], "--image", "the path is empty");
        Refusal.AssertRefused(["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--out", ""], "the path is empty");
        Refusal.AssertRefused(["model", "convert", Sample.Model, ""], "the path is empty");
    }

    [Fact]
    public void A_folder_of_analyze_that_is_a_file()
    {
        using var folder = new TemporaryFolder();
        folder.Write("out", 1);
        Refusal.AssertRefused(["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--out", folder["out"]], "out", "file");
        Assert.Equal(["out"], folder.Files);
    }

    [Fact]
    public void A_folder_of_analyze_whose_parent_does_not_exist() =>
        Refusal.AssertRefused(["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--out", "nowhere/out"], "nowhere", "does not exist");

    [Fact]
    public void A_conversion_into_a_folder_that_is_not_empty()
    {
        using var folder = new TemporaryFolder();
        folder.Write("mine", 1);
        Refusal.AssertRefused(["model", "convert", Sample.Model, folder.FullPath], folder.FullPath, "not an empty folder");
        Assert.Equal(["mine"], folder.Files);
    }
}
