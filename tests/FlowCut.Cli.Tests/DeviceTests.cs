using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>--device and --dtype, on the simulator of CUDA devices.</summary>
public class DeviceTests
{
    [Fact]
    public void The_simulator_answers_as_the_cpu_does()
    {
        CudaReference.RequireSimulator();
        using var simulated = JsonDocument.Parse(Answer("--device", "sim", "--dtype", "f32"));
        using var computed = JsonDocument.Parse(Answer("--device", "cpu"));

        Assert.Equal("sim", simulated.RootElement.GetProperty("device").GetString());
        Assert.Equal("f32", simulated.RootElement.GetProperty("dtype").GetString());
        Assert.Equal(computed.RootElement.GetProperty("ids").ToString(), simulated.RootElement.GetProperty("ids").ToString());
        Assert.InRange(simulated.RootElement.GetProperty("peak_bytes").GetInt64(), 1_000_000, 1_000_000_000);
    }

    /// <summary>The model's weights take 9 MiB in f16, the device has 6.</summary>
    [Fact]
    public void A_model_that_does_not_fit_says_what_would()
    {
        CudaReference.RequireSimulator();
        string[] arguments = ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What?", "--max-tokens", "3", "--device", "sim"];
        var result = FlowcutCommand.RunInShell("FLOWCUT_SIM_MEMORY=6 \"$@\"", arguments);
        Assert.Equal((ExitStatus.Failed, ""), (result.ExitStatus, result.Output));
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.StartsWith("flowcut: The device has not enough memory: ", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.Matches("of 6.0 MiB are free", result.ErrorLines[0]);
        Assert.Matches("^The model takes about [0-9]+ MiB with dtype f16 and 64 visual tokens, at the least [0-9]+ MiB", result.ErrorLines[1]);
    }

    [Theory]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("gpu")]
    public void An_unknown_device(string device) =>
        Refusal.AssertMessage(FlowcutCommand.Run(["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What?", "--device", device]), ExitStatus.BadInput, "--device");

    private static string Answer(params string[] device)
    {
        string[] arguments = ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What?", "--keep", "16", "--max-tokens", "3", "--ignore-eos", "--json", .. device];
        var result = FlowcutCommand.Run(arguments);
        Assert.True(result.ExitStatus == 0, result.Error);
        return result.Output;
    }
}
