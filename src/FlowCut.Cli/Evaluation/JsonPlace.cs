using System.Text.Json;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>A JSON value and where it stands, so that what is missing in it can be said.</summary>
/// <param name="Value">The value.</param>
/// <param name="Where">File, and line or entry.</param>
internal readonly record struct JsonPlace(JsonElement Value, string Where)
{
    /// <summary>A text, or a number as it is written.</summary>
    /// <exception cref="InputException">There is none, or it is empty.</exception>
    public string Text(string name) =>
        OptionalText(name) is { } text && !string.IsNullOrWhiteSpace(text) ? text : throw new InputException($"{Where}: '{name}' has to be a text that is not empty");

    /// <summary>Null where there is none.</summary>
    public string? OptionalText(string name) =>
        Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number ? TextOf(value) : null;

    /// <summary>Texts or numbers; none where the name stands for something else.</summary>
    public IReadOnlyList<string> Texts(string name) =>
        Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Where(v => v.ValueKind is JsonValueKind.String or JsonValueKind.Number).Select(TextOf)]
            : [];

    /// <summary>The entries of a list.</summary>
    /// <exception cref="InputException">There is no such list.</exception>
    public IEnumerable<JsonPlace> Items(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object || !Value.TryGetProperty(name, out var list) || list.ValueKind != JsonValueKind.Array)
            throw new InputException($"{Where}: there is no list '{name}'");
        var where = Where;
        return list.EnumerateArray().Select((item, i) => new JsonPlace(item, $"{where}, {name}[{i}]"));
    }

    private static string TextOf(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
}
