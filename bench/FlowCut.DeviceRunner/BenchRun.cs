using System.Text.Json;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>The benchmark table on one device, written in the format that peers write too.</summary>
internal static class BenchRun
{
    private const string NoTiming = "simulator: no timing, small sizes";

    public static int Run(Session session, string file, bool quick, string? filter)
    {
        var device = session.Device;
        using var timer = new DeviceTimer(device);
        var roofline = device.IsSimulator ? null : DeviceRoofline.Measure(device, timer);
        using var stream = new MemoryStream();
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        var failed = new List<(string Name, string Reason)>();
        json.WriteStartObject();
        json.WriteString("peer", "flowcut");
        json.WriteString("device", device.Kernels.Device.Name);
        if (roofline is not null)
        {
            json.WriteNumber("roofline_gb_per_s", roofline.BytesPerSecond / 1e9);
            json.WriteNumber("roofline_tflops_f16", roofline.FlopsPerSecond / 1e12);
        }

        json.WriteStartArray("rows");
        var rows = 0;
        foreach (var row in BenchmarkCases.All)
        {
            if (filter is not null && !row.Name.Contains(filter, StringComparison.Ordinal)) continue;
            rows++;
            try
            {
                Write(json, row, device, timer, roofline, quick);
            }
            catch (Exception e)
            {
                Console.WriteLine($"FAILED {row.Name}: {e.Message}");
                failed.Add((row.Name, e.Message));
            }
        }

        json.WriteEndArray();
        json.WriteStartArray("skipped");
        foreach (var (name, reason) in failed)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        // whole or not at all: a report must not stumble over half a file
        File.WriteAllBytes(file + ".part", stream.ToArray());
        File.Move(file + ".part", file, overwrite: true);
        return rows > 0 ? failed.Count == 0 ? 0 : 1 : throw new ArgumentException($"no row has '{filter}' in its name");
    }

    private static void Write(Utf8JsonWriter json, BenchmarkCase row, CaseDevice device, DeviceTimer timer, DeviceRoofline? roofline, bool quick)
    {
        using var bench = new Workbench(device);
        var work = (device.IsSimulator ? row.Small : row.Full).Prepare(bench);
        var time = timer.Measure(work.Launch, device.IsSimulator ? 1 : quick ? 9 : 51);
        json.WriteStartObject();
        json.WriteString("name", row.Name);
        json.WriteString("variant", "flowcut");
        if (roofline is null)
        {
            json.WriteString("note", NoTiming);
        }
        else
        {
            json.WriteNumber("median_us", time.Median);
            json.WriteNumber("p10_us", time.P10);
            json.WriteNumber("p90_us", time.P90);
            json.WriteNumber("of_roofline", roofline.Share(work, time.Median));
        }

        json.WriteEndObject();
        Console.WriteLine(roofline is null ? $"{row.Name}: {NoTiming}" : $"{row.Name}: {time.Median:F1} us ({time.P10:F1} to {time.P90:F1}), {roofline.Share(work, time.Median):P0} of the roofline");
    }
}
