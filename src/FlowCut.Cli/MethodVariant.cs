using System.Text.RegularExpressions;
using FlowCut.Models;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli;

/// <summary>A method with options of its own: NAME, or NAME OPTION=VALUE OPTION=VALUE …</summary>
internal sealed partial class MethodVariant
{
    /// <summary>Names the stage in the language model like an option of the method.</summary>
    private const string StageOption = "llm-stage";

    private readonly PruningMethod _method;
    private readonly Dictionary<string, string> _settings;
    private readonly StageChoice? _stage;

    private MethodVariant(string name, PruningMethod method, Dictionary<string, string> settings, StageChoice? stage) =>
        (Name, _method, _settings, _stage) = (name, method, settings, stage);

    /// <summary>As the user wrote it, spaces made single.</summary>
    public string Name { get; }

    /// <summary>Whether it drops tokens in the language model by an option, whatever the method does.</summary>
    public bool HasStage => _stage is { Stage: not null };

    /// <summary>Whether the options say how many tokens stay.</summary>
    public bool HasBudget => _method.HasBudget(_settings);

    public const string HelpText = "Methods, joined by commas; or one with options, 'NAME OPTION=VALUE ...', llm-stage=N@LAYER among them. Repeatable.";

    /// <summary>The values of --method: each several names joined by commas, or one with options.</summary>
    /// <exception cref="InputException">There is no such method or option; a value of an option is checked by <see cref="Strategy"/>.</exception>
    public static List<MethodVariant> All(IEnumerable<string> values) =>
        [.. values.SelectMany(v => v.Contains('=', StringComparison.Ordinal) ? [v] : OptionList.Parse("--method", v)).Select(Of).DistinctBy(v => v.Name)];

    /// <exception cref="InputException">The method refuses the budget or an option.</exception>
    public IPruningStrategy Strategy(int? keep) => new PruningChoice(_method, keep, _settings, _stage).Strategy()!;

    private static MethodVariant Of(string text)
    {
        var parts = OptionStart().Split(text.Trim());
        var method = PruningMethod.Find(parts[0]);
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        StageChoice? stage = null;
        foreach (var part in parts.Skip(1))
        {
            var (name, value) = (part[..part.IndexOf('=', StringComparison.Ordinal)], part[(part.IndexOf('=', StringComparison.Ordinal) + 1)..]);
            if (name == StageOption)
            {
                if (stage is not null) throw Twice(text, name);
                stage = new StageChoice(value == "off" ? null : LanguageStage.Parse(value));
                continue;
            }

            method.CheckOption(name);
            if (!settings.TryAdd(name, value)) throw Twice(text, name);
        }

        return new MethodVariant(string.Join(' ', parts), method, settings, stage);
    }

    private static InputException Twice(string text, string name) => new($"--method '{text}' gives '{name}' twice");

    /// <summary>Spaces before an option; those within a value, a path for instance, stay.</summary>
    [GeneratedRegex(@"\s+(?=[a-z][a-z-]*=)")]
    private static partial Regex OptionStart();
}
