using System.Text.Json;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>Results as JSON, in the peers' format: {"peer", "versions", "device", "rows", "skipped"}, and "tests".</summary>
internal sealed class RowWriter : IDisposable
{
    private readonly string? _path;
    private readonly MemoryStream _stream = new();
    private readonly Utf8JsonWriter _json;
    private readonly List<(string Operation, int Passed, int Failed)> _tests = [];
    private readonly List<(string Name, string Variant, string Reason)> _skipped = [];
    private readonly bool _simulated;

    public RowWriter(string? path, CaseDevice device)
    {
        _path = path;
        _simulated = device.IsSimulator;
        _json = new Utf8JsonWriter(_stream, new JsonWriterOptions { Indented = true });
        _json.WriteStartObject();
        _json.WriteString("peer", "flowcut");
        _json.WriteStartObject("versions");
        _json.WriteString("driver", $"{device.Context.Cuda.Driver.DriverGetVersion()}");
        _json.WriteString("nvrtc", device.Context.Cuda.Nvrtc.Version().ToString());
        _json.WriteEndObject();
        _json.WriteString("device", device.Context.Device.Info.Name);
        _json.WriteStartArray("rows");
    }

    /// <summary>A timed row; microseconds. On the simulator it is a row without times that says so.</summary>
    public void Row(string name, double[] microseconds, double? share)
    {
        if (_simulated)
        {
            _skipped.Add((name, "ours", "simulator: ran, no timing"));
            return;
        }

        Array.Sort(microseconds);
        _json.WriteStartObject();
        _json.WriteString("name", name);
        _json.WriteString("variant", "ours");
        _json.WriteNumber("median_us", Math.Round(Percentile(microseconds, 0.5), 3));
        _json.WriteNumber("p10_us", Math.Round(Percentile(microseconds, 0.1), 3));
        _json.WriteNumber("p90_us", Math.Round(Percentile(microseconds, 0.9), 3));
        if (share is { } s) _json.WriteNumber("of_roofline", Math.Round(s, 3));
        _json.WriteEndObject();
    }

    public void Test(string operation, int passed, int failed) => _tests.Add((operation, passed, failed));

    public void Dispose()
    {
        _json.WriteEndArray();
        _json.WriteStartArray("skipped");
        foreach (var (name, variant, reason) in _skipped)
        {
            _json.WriteStartObject();
            _json.WriteString("name", name);
            _json.WriteString("variant", variant);
            _json.WriteString("reason", reason);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteStartArray("tests");
        foreach (var (operation, passed, failed) in _tests)
        {
            _json.WriteStartObject();
            _json.WriteString("operation", operation);
            _json.WriteNumber("passed", passed);
            _json.WriteNumber("failed", failed);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Dispose();
        if (_path is not null) File.WriteAllBytes(_path, _stream.ToArray());
    }

    /// <summary>Linear between the two nearest ranks.</summary>
    internal static double Percentile(double[] sorted, double fraction)
    {
        var rank = fraction * (sorted.Length - 1);
        var below = (int)rank;
        return sorted[below] + (rank - below) * (sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]);
    }
}
