using System.Diagnostics;

namespace FlowCut.Cli.Tests;

/// <summary>Work that fails or is stopped: the documented exit status, nothing half-written.</summary>
public class FailureTests
{
    [Fact]
    public void A_score_that_is_not_a_number_fails_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyModel(Sample.Model);
        // every fp16 pattern of ones is a NaN
        var weights = Path.Combine(model, "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes)).Fill(0xff);
        File.WriteAllBytes(weights, bytes);
        FlowcutProcess.Run(Sample.GenerateWith(model, Sample.Picture, "--keep", "8", "--trace", folder.File("trace.safetensors"))).AssertRefused(1, "not a number");
        folder.AssertHolds("model");
    }

    [Fact]
    public void A_device_that_is_not_there_is_an_error_and_never_replaced() =>
        FlowcutProcess.Run(Sample.Generate("--device", "cuda")).AssertRefused(3, "cuda");

    [Fact]
    public void A_full_disk_fails_and_leaves_no_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a limit on the size of files");
        using var folder = new TemporaryFolder();
        var arguments = string.Join(' ', Sample.Generate("--trace", folder.File("trace.safetensors")).Select(a => $"'{a}'"));
        // files of at most 64 KiB: a longer write fails as it does on a full disk; the runtime's own mapped file must not
        var result = FlowcutProcess.RunInShell($"trap '' XFSZ; ulimit -f 64; DOTNET_EnableWriteXorExecute=0 $FLOWCUT {arguments}");
        Assert.Equal(1, result.Status);
        Assert.Contains("trace.safetensors", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        folder.AssertHolds();
    }

    [Fact]
    public void An_interrupt_ends_with_130_and_writes_nothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "needs POSIX signals");
        using var folder = new TemporaryFolder();
        string[] arguments =
        [
            FlowcutProcess.Executable, "generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What is it?",
            "--max-tokens", "100000", "--ignore-eos", "--trace", folder.File("trace.safetensors"),
        ];
        using var process = FlowcutProcess.Start("dotnet", arguments);
        process.StandardInput.Close();
        // the first words are out: the answer is being made
        Assert.NotEqual(-1, process.StandardOutput.Read());
        using (var kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])) kill.WaitForExit();
        _ = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(20)), "the command did not stop");
        Assert.Equal(130, process.ExitCode);
        folder.AssertHolds();
    }
}
