using System.Diagnostics;
using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>Ctrl-C: ends generate, but of a chat only the answer.</summary>
public class InterruptionTests
{
    private const string Windows = "signals are sent with kill";

    /// <summary>Of an answer that would take minutes.</summary>
    private static readonly string[] s_long = ["--device", "cpu", "--ignore-eos", "--max-tokens", "4000", "--temperature", "1"];

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task Generate_stops_at_once(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), Windows);
        using var folder = new TemporaryFolder();
        using var process = Start(folder, "generate", "--prompt", "What?", "--overlay", "kept.png");
        await ReadOne(process);
        await Signal(process, signal);
        var clock = Stopwatch.StartNew();
        var result = FlowcutCommand.Finish(process, null);

        Assert.Equal(ExitStatus.Interrupted, result.ExitStatus);
        Assert.EndsWith("\n", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
    }

    [Fact]
    public async Task Chat_goes_on_after_an_answer_that_was_stopped()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), Windows);
        using var folder = new TemporaryFolder();
        using var process = Start(folder, "chat");
        await process.StandardInput.WriteLineAsync("What is this?");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await ReadOne(process);
        await Signal(process, "INT");
        var result = FlowcutCommand.Finish(process, "/stats\n/exit\n");

        Assert.Equal(0, result.ExitStatus);
        Assert.StartsWith("visual tokens 64 of 64", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static Process Start(TemporaryFolder folder, params string[] arguments) =>
        FlowcutCommand.Start(FlowcutCommand.Host, [FlowcutCommand.Library, .. arguments, "--model", Sample.Model, "--image", Sample.Picture, .. s_long], folder.FullPath);

    /// <summary>Waits for the first text of an answer.</summary>
    private static async Task ReadOne(Process process) =>
        Assert.Equal(1, await process.StandardOutput.ReadAsync(new char[1], TestContext.Current.CancellationToken));

    private static async Task Signal(Process process, string signal)
    {
        using var kill = Process.Start("/bin/kill", ["-" + signal, $"{process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }
}
