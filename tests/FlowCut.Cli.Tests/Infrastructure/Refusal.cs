namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>What every refusal of wrong usage or bad input looks like.</summary>
internal static class Refusal
{
    /// <summary>
    /// Runs the command in an empty folder: exit 2, nothing on standard output, one or two lines of message that hold
    /// every one of <paramref name="named"/>, no stack trace, and not a file left behind.
    /// </summary>
    public static void AssertRefused(IEnumerable<string> arguments, params string[] named)
    {
        using var folder = new TemporaryFolder();
        var result = FlowcutCommand.Run(arguments, folder.FullPath);
        AssertMessage(result, ExitStatus.BadInput, named);
        Assert.Empty(folder.Files);
    }

    /// <summary>As <see cref="AssertRefused"/> for an answer that was to be traced and drawn.</summary>
    public static void AssertGenerateRefused(string model, string picture, params string[] named) =>
        AssertRefused(["generate", "--model", model, "--image", picture, "--prompt", "What?", "--device", "cpu", "--max-tokens", "2", "--keep", "16", "--trace", "trace.safetensors", "--overlay", "overlay.png"], named);

    public static void AssertMessage(CommandResult result, int status, params string[] named)
    {
        Assert.True(result.ExitStatus == status, $"exit status {result.ExitStatus}, expected {status}; standard error: {result.Error}");
        Assert.Equal("", result.Output);
        Assert.InRange(result.ErrorLines.Length, 1, 2);
        Assert.StartsWith("flowcut: ", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", result.Error, StringComparison.Ordinal);
        foreach (var part in named) Assert.Contains(part, result.Error, StringComparison.Ordinal);
    }
}
