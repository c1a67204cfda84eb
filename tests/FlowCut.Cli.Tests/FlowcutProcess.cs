using System.Diagnostics;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>What a run of the command left behind.</summary>
internal sealed record CommandResult(int Status, string Output, string Error)
{
    /// <summary>The documented form of an error: nothing on standard output, one or two lines that hold all of <paramref name="parts"/>, no stack trace.</summary>
    public void AssertRefused(int status, params string[] parts)
    {
        Assert.True(Status == status, $"exit status {Status}, expected {status}:\n{Output}\n{Error}");
        Assert.Equal("", Output);
        var lines = Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !l.StartsWith("device:", StringComparison.Ordinal)).ToList();
        Assert.True(lines.Count is 1 or 2, $"an error is one or two lines:\n{Error}");
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        foreach (var part in parts) Assert.Contains(part, Error, StringComparison.OrdinalIgnoreCase);
    }

    public void AssertDone() => Assert.True(Status == 0, $"exit status {Status}:\n{Error}");
}

/// <summary>Runs the real command as a process of its own: exit status, streams and files are what a script would see.</summary>
internal static class FlowcutProcess
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);

    /// <summary>The command beside the tests, which the project reference puts there.</summary>
    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "flowcut.dll");

    public static CommandResult Run(params string[] arguments) => Run(arguments, input: "");

    public static CommandResult Run(IEnumerable<string> arguments, string input)
    {
        using var process = Start("dotnet", [Executable, .. arguments]);
        return Finish(process, input);
    }

    /// <summary>A line for bash in which $FLOWCUT is the command.</summary>
    public static CommandResult RunInShell(string script)
    {
        using var process = Start("bash", ["-c", script]);
        return Finish(process, "");
    }

    public static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
            StandardErrorEncoding = System.Text.Encoding.UTF8,
            StandardInputEncoding = new System.Text.UTF8Encoding(false),
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["FLOWCUT"] = $"dotnet {Executable}";
        start.Environment["TMPDIR"] = Path.GetTempPath();
        start.Environment.Remove("FLOWCUT_DEBUG");
        return Process.Start(start)!;
    }

    private static CommandResult Finish(Process process, string input)
    {
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"the command ran longer than {s_limit}");
        }

        return new CommandResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}

/// <summary>Where the tests' model and picture are.</summary>
internal static class Sample
{
    public static string Model { get; } = Goldens.Require("llava-1.5-tiny");

    public static string Picture { get; } = Goldens.Require("pictures/chelsea.png");

    /// <summary>generate with the sample model, picture and a short answer; further options follow.</summary>
    public static string[] Generate(params string[] options) => GenerateWith(Model, Picture, options);

    public static string[] GenerateWith(string model, string picture, params string[] options) =>
        ["generate", "--model", model, "--image", picture, "--prompt", "What is it?", "--max-tokens", "4", .. options];
}
