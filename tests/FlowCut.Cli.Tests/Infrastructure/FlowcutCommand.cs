using System.Diagnostics;
using System.Text;

namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>What a finished command left: exit status, standard output, standard error.</summary>
internal sealed record CommandResult(int ExitStatus, string Output, string Error)
{
    /// <summary>Lines of standard error, without the one that names an automatically chosen device.</summary>
    public string[] ErrorLines => [.. Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(l => !l.StartsWith("device: ", StringComparison.Ordinal))];
}

/// <summary>Runs the command as users do: a process of its own, with its true exit status and streams.</summary>
internal static class FlowcutCommand
{
    /// <summary>Longer than compiling every kernel takes on a busy machine.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    /// <summary>The built command, which the project reference copies beside the tests.</summary>
    public static string Library { get; } = Path.Combine(AppContext.BaseDirectory, "flowcut.dll");

    /// <summary>The runtime's host, found from the runtime that runs the tests: no PATH is needed.</summary>
    public static string Host { get; } = FindHost();

    /// <summary>Runs to the end; a command that hangs is killed and fails the test.</summary>
    /// <param name="arguments">As the shell would pass them.</param>
    /// <param name="workingDirectory">Null: the tests' own folder.</param>
    /// <param name="input">Standard input; null closes it at once.</param>
    public static CommandResult Run(IEnumerable<string> arguments, string? workingDirectory = null, string? input = null) =>
        Finish(Start(Host, [Library, .. arguments], workingDirectory), input);

    /// <summary>Runs a line of bash in which "$@" is the command with its arguments.</summary>
    public static CommandResult RunInShell(string line, IEnumerable<string> arguments, string? workingDirectory = null) =>
        Finish(Start("/bin/bash", ["-c", line, "bash", Host, Library, .. arguments], workingDirectory), null);

    public static Process Start(string file, IEnumerable<string> arguments, string? workingDirectory)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = workingDirectory ?? AppContext.BaseDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        start.Environment.Remove("FLOWCUT_DEBUG");
        // what the test runner sets for itself (diagnostics, start-up hooks) is not for the command
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        return Process.Start(start)!;
    }

    /// <summary>Feeds <paramref name="input"/> and waits; disposes the process.</summary>
    public static CommandResult Finish(Process process, string? input)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            try
            {
                if (input is not null) process.StandardInput.Write(input);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // it ended without reading its input; status and streams tell why
            }

            if (process.WaitForExit(s_limit))
                return new CommandResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The command ran longer than {s_limit.TotalSeconds} s. Standard error: {error.GetAwaiter().GetResult()}");
        }
    }

    private static string FindHost()
    {
        // .../shared/Microsoft.NETCore.App/10.x.y/System.Private.CoreLib.dll
        var root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));
        return Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
    }
}
