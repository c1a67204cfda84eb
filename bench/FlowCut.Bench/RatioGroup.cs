using System.Globalization;
using System.Text.Json;

namespace FlowCut.Bench;

/// <summary>Contenders for the same work and the ratios between them that matter.</summary>
/// <param name="title">The work.</param>
/// <param name="units">Of work in one run: FLOPs or bytes.</param>
/// <param name="unit">Of 10⁹ <paramref name="units"/> per second.</param>
/// <param name="rounds">The times.</param>
internal sealed class RatioGroup(string title, double units, string unit, PairedRounds rounds)
{
    private readonly List<(int Contender, int Base)> _ratios = [];

    public PairedRounds Rounds => rounds;

    /// <summary>10⁹ units per second.</summary>
    public double Rate(int contender) => units / rounds.Median(contender) / 1e6;

    /// <summary>Reports time(contender)/time(first), median over the rounds.</summary>
    public void Compare(int contender, int first)
    {
        _ratios.Add((contender, first));
        var (low, high) = rounds.RatioRange(contender, first);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  time of '{rounds.Contenders[contender].Name}' / time of '{rounds.Contenders[first].Name}': {rounds.Ratio(contender, first):F3} ({low:F3} to {high:F3})"));
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("work", title);
        json.WriteStartArray("contenders");
        for (var i = 0; i < rounds.Contenders.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("name", rounds.Contenders[i].Name);
            json.WriteNumber("median_ms", Math.Round(rounds.Median(i), 4));
            json.WriteNumber(unit, Math.Round(Rate(i), 1));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("ratios_of_time");
        foreach (var (contender, first) in _ratios)
        {
            var (low, high) = rounds.RatioRange(contender, first);
            json.WriteStartObject();
            json.WriteString("of", rounds.Contenders[contender].Name);
            json.WriteString("to", rounds.Contenders[first].Name);
            json.WriteNumber("median", Math.Round(rounds.Ratio(contender, first), 3));
            json.WriteNumber("p10", Math.Round(low, 3));
            json.WriteNumber("p90", Math.Round(high, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
