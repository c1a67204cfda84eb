using System.Text;
using System.Text.Json;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>BPE word for word: while some neighbours are a merge, join the pair of the lowest rank, the leftmost first.</summary>
internal sealed class MergingByDefinition(Dictionary<string, int> vocabulary, Dictionary<(string, string), int> ranks)
{
    public static MergingByDefinition Load(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var model = document.RootElement.GetProperty("model");
        var ranks = model.GetProperty("merges").EnumerateArray()
            .Select((merge, rank) => (merge.GetString()!.Split(' '), rank))
            .ToDictionary(entry => (entry.Item1[0], entry.Item1[1]), entry => entry.rank);
        return new MergingByDefinition(model.GetProperty("vocab").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32()), ranks);
    }

    /// <summary>Llama: spaces are marks, one goes in front, and a character that is no token is spelled in bytes.</summary>
    public IEnumerable<int> EncodeMarked(string text)
    {
        if (text.Length == 0) return [];
        return Merge(("▁" + text.Replace(' ', '▁')).EnumerateRunes().Select(rune => rune.ToString())).SelectMany(symbol => vocabulary.TryGetValue(symbol, out var id)
            ? [id]
            : Encoding.UTF8.GetBytes(symbol).Select(value => vocabulary[$"<0x{value:X2}>"]));
    }

    /// <summary>Byte-level BPE of one part of a text.</summary>
    public IEnumerable<int> EncodeBytes(string part) =>
        Merge(Encoding.UTF8.GetBytes(part).Select(value => ByteCharacters[value].ToString())).Select(symbol => vocabulary[symbol]);

    /// <summary>The characters of the bytes 0 to 255: as GPT-2 numbers them, those that cannot be shown are U+0100 and following.</summary>
    public static IReadOnlyList<char> ByteCharacters { get; } = [.. Enumerable.Range(0, 256).Select(value =>
        IsShown(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(other => !IsShown(other))))];

    private static bool IsShown(int value) => value is (>= '!' and <= '~') or (>= '¡' and <= '¬') or (>= '®' and <= 'ÿ');

    private List<string> Merge(IEnumerable<string> characters)
    {
        var symbols = characters.ToList();
        while (true)
        {
            var best = -1;
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (Rank(symbols, i) < (best < 0 ? int.MaxValue : Rank(symbols, best))) best = i;
            }

            if (best < 0) return symbols;
            symbols[best] += symbols[best + 1];
            symbols.RemoveAt(best + 1);
        }
    }

    private int Rank(List<string> symbols, int left) => ranks.GetValueOrDefault((symbols[left], symbols[left + 1]), int.MaxValue);
}
