using System.Diagnostics;

namespace FlowCut.Bench;

/// <summary>One of several ways to do the same work, or the ceiling for it.</summary>
/// <param name="Name">In the table.</param>
/// <param name="Run">The work, once.</param>
internal sealed record Contender(string Name, Action Run);

/// <summary>
/// Times contenders in turn (A B C, A B C, …), so that a slow spell of the machine meets all alike. Ratios are taken
/// within a round, their median over the rounds.
/// </summary>
internal sealed class PairedRounds
{
    /// <summary>Thread pools spin after their work; the next contender starts when they sleep.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(60);

    /// <summary>A contender's share of a round, if its work is shorter.</summary>
    private static readonly TimeSpan s_share = TimeSpan.FromMilliseconds(40);

    private readonly List<double>[] _milliseconds;

    public PairedRounds(IReadOnlyList<Contender> contenders, int rounds)
    {
        Contenders = contenders;
        _milliseconds = [.. contenders.Select(_ => new List<double>())];
        for (var round = -1; round < rounds; round++)
        {
            for (var i = 0; i < contenders.Count; i++)
            {
                Thread.Sleep(s_pause);
                contenders[i].Run();
                var time = Time(contenders[i]);
                if (round >= 0) _milliseconds[i].Add(time);
            }
        }
    }

    public IReadOnlyList<Contender> Contenders { get; }

    /// <summary>Milliseconds of one run.</summary>
    public double Median(int contender) => Quantile(_milliseconds[contender], 0.5);

    /// <summary>Median over the rounds of time(contender)/time(first): how often the first is as fast.</summary>
    public double Ratio(int contender, int first) => Quantile(Ratios(contender, first), 0.5);

    public (double Low, double High) RatioRange(int contender, int first) => (Quantile(Ratios(contender, first), 0.1), Quantile(Ratios(contender, first), 0.9));

    private IEnumerable<double> Ratios(int contender, int first) => _milliseconds[contender].Zip(_milliseconds[first], (a, b) => a / b);

    private static double Time(Contender contender)
    {
        var runs = 0;
        var start = Stopwatch.GetTimestamp();
        TimeSpan elapsed;
        do
        {
            contender.Run();
            runs++;
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (elapsed < s_share);
        return elapsed.TotalMilliseconds / runs;
    }

    /// <summary>Nearest rank.</summary>
    private static double Quantile(IEnumerable<double> values, double q)
    {
        var sorted = values.Order().ToList();
        return sorted[(int)Math.Round(q * (sorted.Count - 1), MidpointRounding.AwayFromZero)];
    }
}
