using System.Text.Json;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>Reads JSON files: as one value, or line by line.</summary>
internal static class JsonSource
{
    /// <exception cref="InputException">There is no such file, or it is no JSON.</exception>
    public static JsonPlace Document(string path)
    {
        Check(path);
        using var file = File.OpenRead(path);
        return Parse(path, () => JsonDocument.Parse(file));
    }

    /// <summary>Empty lines are none.</summary>
    /// <exception cref="InputException">There is no such file, or a line is no JSON object.</exception>
    public static IEnumerable<JsonPlace> Lines(string path)
    {
        Check(path);
        using var reader = File.OpenText(path);
        foreach (var line in Lines(path, reader)) yield return line;
    }

    /// <summary>The same of a file that is open.</summary>
    public static IEnumerable<JsonPlace> Lines(string path, TextReader reader)
    {
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            var place = Parse($"{path}, line {number}", () => JsonDocument.Parse(line));
            yield return place.Value.ValueKind == JsonValueKind.Object ? place : throw new InputException($"{place.Where}: it is no JSON object");
        }
    }

    private static void Check(string path)
    {
        if (!File.Exists(path)) throw new InputException($"{path}: there is no such file");
    }

    private static JsonPlace Parse(string where, Func<JsonDocument> parse)
    {
        try
        {
            using var document = parse();
            return new JsonPlace(document.RootElement.Clone(), where);
        }
        catch (JsonException e)
        {
            throw new InputException($"{where}: it is no JSON: {e.Message}", e);
        }
    }
}
