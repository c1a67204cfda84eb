using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FlowCut.DeviceRunner;

/// <summary>Joins the rows of ours and of peers by their names to one readable table.</summary>
internal static class KitReport
{
    private sealed record Row(string Peer, string Name, string Variant, double? Median, string? Note);

    /// <param name="folder">Holds rows.json, peer files peer-*.json, and steps.txt with one line "name status seconds" per step.</param>
    public static int Run(string folder)
    {
        string[] files = [.. Directory.GetFiles(folder, "rows.json"), .. Directory.GetFiles(folder, "peer-*.json").Order(StringComparer.Ordinal)];
        var steps = Path.Combine(folder, "steps.txt");
        File.WriteAllText(Path.Combine(folder, "report.md"), Text(files.Select(File.ReadAllText), File.Exists(steps) ? File.ReadAllLines(steps) : []));
        return 0;
    }

    /// <summary>The report of result files; a row that only peers have stands with the peers alone.</summary>
    public static string Text(IEnumerable<string> files, IEnumerable<string> steps)
    {
        var text = new StringBuilder("# GPU run\n\n");
        foreach (var step in steps) text.Append(CultureInfo.InvariantCulture, $"- {step}\n");
        var rows = new List<Row>();
        foreach (var file in files)
        {
            using var json = JsonDocument.Parse(file);
            var peer = json.RootElement.GetProperty("peer").GetString()!;
            text.Append(CultureInfo.InvariantCulture, $"- {peer} on {json.RootElement.GetProperty("device").GetString()}\n");
            rows.AddRange(json.RootElement.GetProperty("rows").EnumerateArray().Select(row => Read(peer, row)));
            foreach (var skipped in json.RootElement.GetProperty("skipped").EnumerateArray())
                text.Append(CultureInfo.InvariantCulture, $"- {peer}: {skipped.GetProperty("name").GetString()} was skipped: {skipped.GetProperty("reason").GetString()}\n");
        }

        text.Append("\n\"×\" is the peer's time divided by ours: above 1 ours is faster.\n\n| row | who | median µs | × |\n| --- | --- | --- | --- |\n");
        foreach (var group in rows.GroupBy(row => row.Name))
        {
            var ours = group.FirstOrDefault(row => row.Peer == "flowcut");
            foreach (var row in group.OrderBy(row => row.Peer == "flowcut" ? 0 : 1))
            {
                var ratio = row != ours && ours?.Median is { } o && row.Median is { } p ? (p / o).ToString("F2", CultureInfo.InvariantCulture) : "";
                var median = row.Median?.ToString("F1", CultureInfo.InvariantCulture) ?? row.Note ?? "";
                text.Append(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Peer}{(row.Peer == "flowcut" ? "" : " " + row.Variant)} | {median} | {ratio} |\n");
            }
        }

        return text.ToString();
    }

    private static Row Read(string peer, JsonElement row) => new(
        peer, row.GetProperty("name").GetString()!, row.GetProperty("variant").GetString()!,
        row.TryGetProperty("median_us", out var median) ? median.GetDouble() : null,
        row.TryGetProperty("note", out var note) ? note.GetString() : null);
}
