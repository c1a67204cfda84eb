using System.Globalization;

namespace FlowCut.Bench;

/// <summary>--name value pairs.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <exception cref="ArgumentException">An unknown name, or a name without a value.</exception>
    public static Options Parse(ReadOnlySpan<string> arguments, params string[] names)
    {
        var options = new Options();
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal) || !names.Contains(arguments[i][2..]))
                throw new ArgumentException($"'{arguments[i]}' is none of {string.Join(", ", names.Select(n => "--" + n))}");
            if (i + 1 == arguments.Length) throw new ArgumentException($"{arguments[i]} needs a value");
            options._values[arguments[i][2..]] = arguments[i + 1];
        }

        return options;
    }

    public string Text(string name, string otherwise) => _values.GetValueOrDefault(name, otherwise);

    public int Integer(string name, int otherwise)
    {
        if (!_values.TryGetValue(name, out var text)) return otherwise;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new ArgumentException($"--{name} {text} is no positive number");
    }
}
