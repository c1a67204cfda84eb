using System.CommandLine;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut methods: what can prune, with which options.</summary>
internal static class MethodsCommand
{
    public static Command Create()
    {
        var command = new Command("methods", "The pruning methods, their options with defaults, and where each comes from.");
        command.SetAction(_ =>
        {
            foreach (var method in PruningMethod.All)
            {
                Console.WriteLine($"{method.Name}: {method.Summary}");
                Console.WriteLine($"  from     {method.Source}");
                var instead = method.BudgetOptions.Count == 0 ? "" : $", or {string.Join(" and ", method.BudgetOptions)} in its place";
                Console.WriteLine($"  budget   --keep N or --keep-ratio R{instead}");
                foreach (var option in method.Options)
                    Console.WriteLine($"  --set {option.Name + "=" + option.Default,-42} {option.Values}");
            }

            return ExitStatus.Done;
        });
        return command;
    }
}
