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
