using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FlowCut.Peers.OnnxRuntime;

/// <summary>Times forwards, by itself or on request from another process, and reports them.</summary>
internal sealed class PeerClock(Action forward)
{
    private const int WarmUps = 2;

    private readonly List<double> _milliseconds = [];

    public void WarmUp()
    {
        for (int i = 0; i < WarmUps; i++)
            forward();
    }

    /// <summary>One timed forward, in milliseconds.</summary>
    public double Run()
    {
        long start = Stopwatch.GetTimestamp();
        forward();
        double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        _milliseconds.Add(elapsed);
        return elapsed;
    }

    /// <summary>The peer protocol: "ready", then one time per line "run", until "quit" or the end of the input.</summary>
    public void Serve(TextReader input, TextWriter output)
    {
        output.WriteLine("ready");
        while (input.ReadLine() is { } line && line != "quit")
        {
            if (line != "run")
                throw new InvalidDataException($"the peer protocol knows 'run' and 'quit', not '{line}'");
            output.WriteLine(Run().ToString("F3", CultureInfo.InvariantCulture));
        }
    }

    /// <summary>One JSON object: <paramref name="facts"/>, the times and the peak of the resident memory.</summary>
    public string Report(IEnumerable<KeyValuePair<string, string>> facts, int threads)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            foreach ((string name, string value) in facts)
                json.WriteString(name, value);
            json.WriteNumber("threads", threads);
            json.WriteNumber("rounds", _milliseconds.Count);
            foreach ((string name, double fraction) in new[] { ("median_ms", 0.5), ("p10", 0.1), ("p90", 0.9) })
                json.WriteNumber(name, Math.Round(Percentile(fraction), 3));
            using var self = Process.GetCurrentProcess();
            json.WriteNumber("peak_bytes", self.PeakWorkingSet64);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Linear between the two nearest ranks; 0 when nothing was run.</summary>
    private double Percentile(double fraction)
    {
        if (_milliseconds.Count == 0)
            return 0;
        double[] sorted = [.. _milliseconds.Order()];
        double rank = fraction * (sorted.Length - 1);
        int below = (int)rank;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }
}
