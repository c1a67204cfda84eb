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
        root.Add(EvalCommand.Create());
        root.Add(BenchCommand.Create());
        root.Add(TokenizeCommand.Create());
        root.Add(MethodsCommand.Create());
        root.Add(DoctorCommand.Create());
        root.Add(KernelsCommand.Create());
        root.Add(ModelCommand.Create());

        // a prompt may begin with @, which would name a file of arguments
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
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
            : parsed.Errors.Select(Message);
    }

    /// <summary>A number that is none is described in the user's words, since the parser would name a type of .NET.</summary>
    private static string Message(ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Tokens: [var token] } given) return error.Message;
        var type = Nullable.GetUnderlyingType(given.Option.ValueType) ?? given.Option.ValueType;
        var expected = type == typeof(ulong) ? "a whole number of 0 or more" : type == typeof(int) ? "a whole number" : type == typeof(float) || type == typeof(double) ? "a number" : null;
        return expected is null ? error.Message : $"{given.Option.Name} takes {expected}, not '{token.Value}'.";
    }

    /// <summary>As it is typed: 'flowcut model info'.</summary>
    private static string Path(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Path(parent)} {command.Command.Name}" : "flowcut";
}
