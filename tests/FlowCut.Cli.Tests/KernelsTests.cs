using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>flowcut kernels, with the real NVRTC where there is one, and without.</summary>
public class KernelsTests
{
    [Fact]
    public void Json_has_a_row_for_every_variant()
    {
        var folder = CudaReference.RequireNvrtc();
        var result = FlowcutCommand.RunInShell($"FLOWCUT_CUDA_PATH='{folder}' exec \"$@\"", ["kernels", "--arch", "sm_80", "--json"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        using var report = JsonDocument.Parse(result.Output);
        Assert.Matches(@"^\d+\.\d+$", report.RootElement.GetProperty("nvrtc").GetString());
        var kernels = report.RootElement.GetProperty("kernels").EnumerateArray().ToArray();
        Assert.Contains(kernels, k => k.GetProperty("kernel").GetString() == "fc_rms_norm");
        Assert.All(kernels, k => Assert.Equal("sm_80", k.GetProperty("arch").GetString()));
        Assert.All(kernels, k => Assert.InRange(k.GetProperty("registers").GetInt32(), 4, 255));
    }

    [Theory]
    [InlineData("sm_75")]
    [InlineData("sm_90a,native")]
    [InlineData(",")]
    public void An_unknown_architecture(string architectures) =>
        Refusal.AssertMessage(FlowcutCommand.Run(["kernels", "--arch", architectures]), ExitStatus.BadInput, "--arch");

    [Fact]
    public void Without_a_compiler_the_exit_status_says_so()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the variable is set by bash");
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.RunInShell($"FLOWCUT_CUDA_PATH='{folder.FullPath}' exec \"$@\"", ["kernels"]);
        Assert.Equal(ExitStatus.NoDevice, result.ExitStatus);
        Assert.Contains("NVRTC", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
    }
}
