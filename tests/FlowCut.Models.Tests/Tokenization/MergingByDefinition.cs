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

    public IEnumerable<int> Encode(string text)
    {
        if (text.Length == 0) return [];
        var symbols = ("▁" + text.Replace(' ', '▁')).EnumerateRunes().Select(rune => rune.ToString()).ToList();
        while (true)
        {
            var best = -1;
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (Rank(symbols, i) < (best < 0 ? int.MaxValue : Rank(symbols, best))) best = i;
            }

            if (best < 0) break;
            symbols[best] += symbols[best + 1];
            symbols.RemoveAt(best + 1);
        }

        return symbols.SelectMany(symbol => vocabulary.TryGetValue(symbol, out var id)
            ? [id]
            : Encoding.UTF8.GetBytes(symbol).Select(value => vocabulary[$"<0x{value:X2}>"]));
    }

    private int Rank(List<string> symbols, int left) => ranks.GetValueOrDefault((symbols[left], symbols[left + 1]), int.MaxValue);
}
