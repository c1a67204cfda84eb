using System.CommandLine;
using System.CommandLine.Parsing;
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
        root.Add(KernelsCommand.Create());
        root.Add(ModelCommand.Create());

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"flowcut: {string.Join(' ', Messages(parsed))}");
            await Console.Error.WriteLineAsync($"Try '{Path(parsed.CommandResult)} --help'.");
            return ExitStatus.BadInput;
        }

        return await ExitStatus.Run(() => parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
    }

    /// <summary>What is wrong. Where a command is not known, that one is missing says nothing more.</summary>
    private static IEnumerable<string> Messages(ParseResult parsed)
    {
        var unknown = parsed.UnmatchedTokens.Count > 0 && parsed.CommandResult.Command.Subcommands.Count > 0;
        return unknown
            ? [$"There is no command '{parsed.UnmatchedTokens[0]}'; the commands are {string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(c => c.Name))}."]
            : parsed.Errors.Select(e => e.Message);
    }

    /// <summary>As it is typed: 'flowcut model info'.</summary>
    private static string Path(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Path(parent)} {command.Command.Name}" : "flowcut";
}
