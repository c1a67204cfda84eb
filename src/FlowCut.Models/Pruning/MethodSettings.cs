using System.Globalization;

namespace FlowCut.Models.Pruning;

/// <summary>The option values that a user gave a method, read as what they mean.</summary>
/// <param name="method">Knows what its options take.</param>
/// <param name="values">By name.</param>
internal sealed class MethodSettings(PruningMethod method, IReadOnlyDictionary<string, string> values)
{
    public IReadOnlyDictionary<string, string> Values { get; } = values;

    /// <summary>Null where it is not given.</summary>
    public string? Text(string name) => Values.GetValueOrDefault(name);

    /// <summary>A whole number; null where it is not given.</summary>
    /// <exception cref="InputException">It is none, or below <paramref name="least"/>.</exception>
    public int? Int(string name, int least) => Text(name) is { } text ? ParseInt(name, text, text, least) : null;

    /// <summary>Whole numbers joined by commas, each above the one before where <paramref name="ascending"/>; null where they are not given.</summary>
    /// <exception cref="InputException">Something else.</exception>
    public int[]? Ints(string name, int least, bool ascending)
    {
        if (Text(name) is not { } text) return null;
        var numbers = Array.ConvertAll(text.Split(','), part => ParseInt(name, text, part, least));
        for (var i = 1; i < numbers.Length && ascending; i++)
        {
            if (numbers[i] <= numbers[i - 1]) throw Wrong(name, text);
        }

        return numbers;
    }

    /// <summary>A number in [<paramref name="least"/>, <paramref name="most"/>]; null where it is not given.</summary>
    /// <exception cref="InputException">Something else.</exception>
    public double? Number(string name, double least, double most) => Text(name) is { } text ? ParseNumber(name, text, text, least, most) : null;

    /// <summary>Numbers in [<paramref name="least"/>, <paramref name="most"/>] joined by commas; null where they are not given.</summary>
    /// <exception cref="InputException">Something else.</exception>
    public double[]? Numbers(string name, double least, double most) =>
        Text(name) is { } text ? Array.ConvertAll(text.Split(','), part => ParseNumber(name, text, part, least, most)) : null;

    /// <summary>What to throw for a value that an option does not take.</summary>
    public InputException Wrong(string option, string value)
    {
        var described = method.Options.First(o => o.Name == option);
        return new InputException($"{method.Name}: '{value}' is no value of '{option}'; it takes {described.Values} (default {described.Default})");
    }

    private int ParseInt(string name, string text, string part, int least) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least ? number : throw Wrong(name, text);

    private double ParseNumber(string name, string text, string part, double least, double most) =>
        double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number : throw Wrong(name, text);
}
