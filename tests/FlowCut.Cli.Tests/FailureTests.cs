using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Interop;

namespace FlowCut.Cli.Tests;

/// <summary>Work that fails after good input: numbers that are none, a missing device, a full disk.</summary>
public class FailureTests
{
    [Theory]
    [InlineData("vision_tower.vision_model.encoder.layers.3.self_attn.q_proj.weight", "layer 3")]
    [InlineData("multi_modal_projector.linear_2.weight", "NaN")]
    [InlineData("language_model.lm_head.weight", "NaN")]
    public void Weights_that_are_not_numbers(string tensor, string named)
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyFolder(Sample.Model, "model", without: "model.safetensors");
        var weights = new SafetensorsEditor(Path.Combine(Sample.Model, "model.safetensors"));
        weights.Fill(tensor, Half.NaN);
        folder.Write("model/model.safetensors", weights.ToBytes());
        var before = folder.Files;

        var result = FlowcutCommand.Run(
            ["generate", "--model", model, "--image", Sample.Picture, "--prompt", "What?", "--device", "cpu", "--keep", "16", "--max-tokens", "4", "--trace", "trace.safetensors", "--overlay", "kept.png"],
            folder.FullPath);

        Refusal.AssertMessage(result, ExitStatus.Failed, named);
        Assert.Equal(before, folder.Files);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:1")]
    public void A_device_that_is_not_there(string device)
    {
        Assert.SkipWhen(NativeCuda.System.Probe().IsUsable, "this machine has a GPU");
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What?", "--device", device, "--trace", "trace.safetensors"], folder.FullPath);
        Refusal.AssertMessage(result, ExitStatus.NoDevice, device, "--device cpu");
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("methods")]
    [InlineData("doctor")]
    [InlineData("--help")]
    [InlineData("model download-help")]
    [InlineData("generate")]
    public void Standard_output_that_cannot_be_written(string command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is a device of Linux");
        var arguments = command == "generate" ? Sample.Generate() : command.Split(' ');
        Refusal.AssertMessage(FlowcutCommand.RunInShell("exec \"$@\" > /dev/full", arguments), ExitStatus.Failed, "standard output", "No space left");
    }

    [Fact]
    public void A_stack_trace_is_there_for_who_asks()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the variable is set by bash");
        var result = FlowcutCommand.RunInShell("FLOWCUT_DEBUG=1 exec \"$@\"", ["model", "info", "nowhere"]);
        Assert.Equal(ExitStatus.BadInput, result.ExitStatus);
        Assert.Contains("   at FlowCut.", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--trace", "trace.safetensors")]
    [InlineData("--overlay", "kept.png")]
    public void A_file_that_does_not_fit_onto_the_disk(string option, string file)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the file size is limited with ulimit");
        using var folder = new TemporaryFolder();
        folder.Write(file, 1, 2, 3);
        var result = FlowcutCommand.RunInShell(LimitedFiles(64), Sample.Generate("--keep", "16", "--json", option, file), folder.FullPath);

        Refusal.AssertMessage(result, ExitStatus.Failed, file, "could not be written");
        Assert.Equal([file], folder.Files);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(folder[file]));
    }

    [Theory]
    [InlineData("out")]
    [InlineData(".")]
    public void A_page_of_which_not_every_file_fits_onto_the_disk(string target)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the file size is limited with ulimit");
        using var folder = new TemporaryFolder();
        folder.Write("mine", 1, 2, 3);
        // enough for the picture of the first budget, which keeps few patches, not for that of the second
        var result = FlowcutCommand.RunInShell(
            LimitedFiles(520), ["analyze", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--keep", "4,48", "--out", target], folder.FullPath);

        Refusal.AssertMessage(result, ExitStatus.Failed, target, "could not be written");
        Assert.Equal([folder["mine"]], Directory.GetFileSystemEntries(folder.FullPath));
    }

    /// <summary>
    /// Writes beyond so many KiB fail as on a full disk. The runtime must do without its own files in memory, which count too.
    /// </summary>
    private static string LimitedFiles(int kibibytes) => $"trap '' XFSZ; ulimit -f {kibibytes}; export DOTNET_EnableWriteXorExecute=0; exec \"$@\"";
}
