using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FlowCut.DeviceRunner;

/// <summary>Joins the rows of ours and of peers by their names to one readable table.</summary>
internal static class KitReport
{
    private sealed record Row(string Peer, string Name, string Variant, double? Median, string? Note);

    /// <summary>Writes report.md, and results.json with everything that it was made of.</summary>
    /// <param name="folder">Holds rows.json, peer files peer-*.json, models.json of flowcut bench, and steps-PART.txt with a line for each step.</param>
    public static int Run(string folder)
    {
        string[] rows = [.. Directory.GetFiles(folder, "rows.json"), .. Directory.GetFiles(folder, "peer-*.json").Order(StringComparer.Ordinal)];
        var lines = Directory.GetFiles(folder, "steps-*.txt").Order(StringComparer.Ordinal).SelectMany(File.ReadAllLines).ToList();
        var files = new List<string>();
        foreach (var file in (string[])[.. Directory.GetFiles(folder, "models.json"), .. rows])
        {
            try
            {
                var text = File.ReadAllText(file);
                if (Path.GetFileName(file) == "models.json") text = ModelRows.Convert(text);
                using var whole = JsonDocument.Parse(text);
                files.Add(text);
            }
            catch (JsonException e)
            {
                // of a step that was cut off: the others are worth reading all the same
                lines.Add($"{Path.GetFileName(file)} is not whole: {e.Message}");
            }
        }

        File.WriteAllText(Path.Combine(folder, "report.md"), Text(files, lines));
        File.WriteAllText(Path.Combine(folder, "results.json"), Joined(files, lines));
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
            var root = json.RootElement;
            var peer = root.GetProperty("peer").GetString()!;
            var versions = root.TryGetProperty("versions", out var v) ? ", " + string.Join(", ", v.EnumerateObject().Select(x => $"{x.Name} {x.Value}")) : "";
            text.Append(CultureInfo.InvariantCulture, $"- {peer} on {root.GetProperty("device").GetString()}{versions}\n");
            rows.AddRange(root.GetProperty("rows").EnumerateArray().Select(row => Read(peer, row)));
            foreach (var skipped in root.GetProperty("skipped").EnumerateArray())
            {
                var variant = skipped.TryGetProperty("variant", out var which) ? $" ({which.GetString()})" : "";
                text.Append(CultureInfo.InvariantCulture, $"- {peer}: {skipped.GetProperty("name").GetString()}{variant} was skipped: {skipped.GetProperty("reason").GetString()}\n");
            }
        }

        AppendRowCosts(text, rows);
        text.Append("\n\"×\" is the peer's time divided by ours: above 1 ours is faster.\n\n| row | who | median µs | × |\n| --- | --- | --- | --- |\n");
        foreach (var group in rows.GroupBy(row => row.Name)) AppendGroup(text, group);
        return text.ToString();
    }

    /// <summary>What writing down a row costs attention: the same pass with and without.</summary>
    private static void AppendRowCosts(StringBuilder text, List<Row> rows)
    {
        foreach (var with in rows.Where(row => row.Peer == "flowcut" && row.Name.EndsWith(" + row", StringComparison.Ordinal)))
        {
            var without = rows.Find(row => row.Peer == "flowcut" && row.Name == with.Name[..^" + row".Length]);
            if (with.Median is { } a && without?.Median is { } b)
                text.Append(CultureInfo.InvariantCulture, $"- exporting a row costs {without.Name} {(a / b - 1) * 100:F1} %\n");
        }
    }

    private static void AppendGroup(StringBuilder text, IGrouping<string, Row> group)
    {
        var ours = group.FirstOrDefault(row => row.Peer == "flowcut");
        foreach (var row in group.OrderBy(row => row.Peer == "flowcut" ? 0 : 1))
        {
            var ratio = row != ours && ours?.Median is { } o && row.Median is { } p ? (p / o).ToString("F2", CultureInfo.InvariantCulture) : "";
            var median = row.Median?.ToString("F1", CultureInfo.InvariantCulture) ?? row.Note ?? "";
            text.Append(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Peer}{(row.Peer == "flowcut" ? "" : " " + row.Variant)} | {median} | {ratio} |\n");
        }
    }

    private static string Joined(IEnumerable<string> files, IEnumerable<string> steps)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartArray("steps");
            foreach (var step in steps) json.WriteStringValue(step);
            json.WriteEndArray();
            json.WriteStartArray("results");
            foreach (var file in files)
            {
                using var document = JsonDocument.Parse(file);
                document.RootElement.WriteTo(json);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static Row Read(string peer, JsonElement row) => new(
        peer, row.GetProperty("name").GetString()!, row.GetProperty("variant").GetString()!,
        row.TryGetProperty("median_us", out var median) ? median.GetDouble() : null,
        row.TryGetProperty("note", out var note) ? note.GetString() : null);
}
