using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FlowCut.Cli.Evaluation;

/// <summary>The rows as text for people, as CSV and as JSON: one list of columns serves all three.</summary>
internal sealed class EvaluationTable
{
    private readonly IReadOnlyList<EvaluationRow> _rows;
    private readonly List<Column> _columns;

    /// <param name="rows">The whole model's first, which the others are compared with.</param>
    public EvaluationTable(IReadOnlyList<EvaluationRow> rows)
    {
        _rows = rows;
        var whole = rows[0];
        _columns =
        [
            new("visual_tokens", "tokens", r => r.VisualTokens, "F1"),
            new("accuracy", "accuracy", r => r.Accuracy, "P1"),
            new("accuracy_low", "95 % from", r => r.Interval?.Low, "P1"),
            new("accuracy_high", "to", r => r.Interval?.High, "P1"),
        ];
        if (whole.YesNo is not null)
        {
            _columns.Add(new("precision", "precision", r => r.YesNo?.Precision, "P1"));
            _columns.Add(new("recall", "recall", r => r.YesNo?.Recall, "P1"));
            _columns.Add(new("f1", "F1", r => r.YesNo?.F1, "P1"));
            _columns.Add(new("yes_ratio", "yes", r => r.YesNo?.YesRatio, "P1"));
        }

        foreach (var kind in whole.Kinds.Keys.Order(StringComparer.Ordinal))
            _columns.Add(new($"accuracy_{kind}", kind, r => r.Kinds.TryGetValue(kind, out var accuracy) ? accuracy : null, "P1"));
        _columns.Add(new("vision_ms", "vision ms", r => r.VisionMs, "F1"));
        _columns.Add(new("prefill_ms", "prefill ms", r => r.PrefillMs, "F1"));
        _columns.Add(new("time_share", "of unpruned", r => (r.VisionMs + r.PrefillMs) / (whole.VisionMs + whole.PrefillMs), "P0"));
        if (rows.Any(r => r.SelectionMs is not null))
        {
            _columns.Add(new("selection_ms", "selection ms", r => r.SelectionMs, "F2"));
            _columns.Add(new("selection_share", "selection, of unpruned", r => r.SelectionMs / (whole.VisionMs + whole.PrefillMs), "P1"));
        }

        _columns.Add(new("cache_bytes", "KV bytes", r => r.CacheBytes, "F0"));
    }

    public string ToText()
    {
        var width = Math.Max(16, _rows.Max(r => r.Contender.Method.Length) + 1);
        var text = new StringBuilder($"{_rows[0].Questions} questions\n{"".PadRight(width)}{"keep",6}");
        foreach (var column in _columns) text.Append(column.Title.PadLeft(column.Width));
        foreach (var row in _rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{row.Contender.Method.PadRight(width)}{row.Contender.Keep,6}");
            if (row.Contender.Refusal is { } reason) text.Append($"  not applicable: {reason}");
            else foreach (var column in _columns) text.Append((column.Value(row)?.ToString(column.Format, CultureInfo.InvariantCulture) ?? "").PadLeft(column.Width));
        }

        return text.Append('\n').ToString();
    }

    public string ToCsv()
    {
        var text = new StringBuilder($"method,keep,questions,{string.Join(',', _columns.Select(c => Quoted(c.Name)))},not_applicable\n");
        foreach (var row in _rows)
        {
            var values = _columns.Select(c => row.Contender.Refusal is null ? c.Value(row)?.ToString("R", CultureInfo.InvariantCulture) : null);
            text.Append(CultureInfo.InvariantCulture, $"{Quoted(row.Contender.Method)},{row.Contender.Keep},{row.Questions},{string.Join(',', values)},{Quoted(row.Contender.Refusal ?? "")}\n");
        }

        return text.ToString();
    }

    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("questions", _rows[0].Questions);
            json.WriteStartArray("rows");
            foreach (var row in _rows)
            {
                json.WriteStartObject();
                json.WriteString("method", row.Contender.Method);
                if (row.Contender.Keep is { } keep) json.WriteNumber("keep", keep);
                else json.WriteNull("keep");
                if (row.Contender.Refusal is { } reason) json.WriteString("not_applicable", reason);
                else WriteFigures(json, row);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private void WriteFigures(Utf8JsonWriter json, EvaluationRow row)
    {
        foreach (var column in _columns)
        {
            if (column.Value(row) is { } value) json.WriteNumber(column.Name, value);
        }
    }

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <param name="Name">In files.</param>
    /// <param name="Title">For people.</param>
    /// <param name="Value">Null where a row has none.</param>
    /// <param name="Format">For people.</param>
    private sealed record Column(string Name, string Title, Func<EvaluationRow, double?> Value, string Format)
    {
        public int Width => Math.Max(Title.Length, 8) + 2;
    }
}
