using System.Text.Json;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>Lines of a golden tokenizer-cases.jsonl.</summary>
internal static class TokenizerCases
{
    public static IEnumerable<JsonElement> Read(string golden)
    {
        foreach (var line in File.ReadLines(Goldens.Require(golden)))
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static string Text(this JsonElement item, string name) => item.GetProperty(name).GetString()!;

    public static int[] Ids(this JsonElement item, string name) => [.. item.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
