using System.Text.Json;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Cases;

/// <summary>What a golden case's command line says, for the library.</summary>
public sealed class CaseArguments
{
    private readonly Dictionary<string, List<string>> _options = [];
    private readonly string _folder;

    private CaseArguments(string folder) => _folder = folder;

    /// <summary>The model's folder.</summary>
    public string Model => Path.Combine(_folder, _options["--model"][0]);

    /// <summary>Picture files.</summary>
    public IEnumerable<string> Images => _options["--image"].Select(image => Path.Combine(_folder, image));

    /// <summary>The raw prompt.</summary>
    public string Prompt => _options["--prompt"][0];

    /// <summary>Null: unpruned.</summary>
    public IPruningStrategy? Strategy => !_options.TryGetValue("--keep", out var keep)
        ? null
        : PruningMethod.Find("flowcut").Create(
            int.Parse(keep[0], System.Globalization.CultureInfo.InvariantCulture),
            _options.GetValueOrDefault("--set", []).Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]));

    /// <param name="file">The case's JSON.</param>
    public static CaseArguments Read(string file)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(file));
        var line = facts.RootElement.GetProperty("cli").EnumerateArray().Select(a => a.GetString()!).ToArray();
        var arguments = new CaseArguments(Path.GetDirectoryName(file)!);
        for (var i = 1; i < line.Length; i++)
        {
            var values = arguments._options.TryGetValue(line[i], out var known) ? known : arguments._options[line[i]] = [];
            if (i + 1 < line.Length && !line[i + 1].StartsWith("--", StringComparison.Ordinal)) values.Add(line[++i]);
        }

        return arguments;
    }
}
