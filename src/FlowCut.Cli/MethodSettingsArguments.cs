using System.CommandLine;
using FlowCut.Models;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli;

/// <summary>--set of the commands that take several methods: METHOD.NAME=VALUE.</summary>
internal sealed class MethodSettingsArguments
{
    public Option<string[]> Option { get; } = new("--set")
    {
        Description = "An option of a method, method.name=value; repeatable.",
        HelpName = "METHOD.NAME=VALUE",
        AllowMultipleArgumentsPerToken = true,
    };

    /// <summary>Each method's options by name.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="methods">Those that it names.</param>
    /// <exception cref="InputException">Something else than an option of one of these methods is set.</exception>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Parse(ParseResult parsed, IReadOnlyCollection<string> methods)
    {
        var all = methods.Distinct().ToDictionary(m => m, _ => new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var (name, value) in Pairs(parsed.GetValue(Option) ?? []))
        {
            var dot = name.IndexOf('.', StringComparison.Ordinal);
            if (dot < 1 || !all.TryGetValue(name[..dot], out var settings))
                throw new InputException($"--set takes method.name=value with one of the methods {string.Join(", ", all.Keys)}, not '{name}={value}'");
            PruningMethod.Find(name[..dot]).CheckOption(name[(dot + 1)..]);
            settings.Add(name[(dot + 1)..], value);
        }

        return all.ToDictionary(m => m.Key, m => (IReadOnlyDictionary<string, string>)m.Value);
    }

    /// <summary>name=value, each name once.</summary>
    /// <exception cref="InputException">One is no such pair, or a name is there twice.</exception>
    public static Dictionary<string, string> Pairs(string[] pairs)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw new InputException($"--set takes name=value, not '{pair}'");
            if (!settings.TryAdd(pair[..equals], pair[(equals + 1)..])) throw new InputException($"--set gives '{pair[..equals]}' twice");
        }

        return settings;
    }
}
