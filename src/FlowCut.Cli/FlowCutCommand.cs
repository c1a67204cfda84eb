using System.CommandLine;
using FlowCut.Cli.Commands;

namespace FlowCut.Cli;

/// <summary>The `flowcut` command: its subcommands, and how failures become messages and exit statuses.</summary>
internal static class FlowCutCommand
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Vision-language models with exact visual-token pruning.");
        root.Add(GenerateCommand.Create());
        root.Add(ChatCommand.Create());
        root.Add(AnalyzeCommand.Create());
        root.Add(BenchCommand.Create());
        root.Add(TokenizeCommand.Create());
        root.Add(MethodsCommand.Create());
        root.Add(DoctorCommand.Create());
        root.Add(ModelCommand.Create());

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"flowcut: {string.Join(' ', parsed.Errors.Select(e => e.Message))}");
            await Console.Error.WriteLineAsync($"Try 'flowcut {string.Join(' ', parsed.CommandResult.Command is RootCommand ? [] : new[] { parsed.CommandResult.Command.Name })} --help'.".Replace("  ", " "));
            return ExitStatus.BadInput;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }
}
