using System.Buffers;

namespace FlowCut.Models.Tokenization;

/// <summary>A set of texts with a value each, searched for the longest one that begins at a position. Compares UTF-16 code units.</summary>
internal sealed class TokenTrie
{
    private const int Root = 0;
    private const int NoValue = -1;

    private readonly Dictionary<ulong, int> _edges = [];
    private readonly List<int> _values = [NoValue];
    private readonly SearchValues<char> _firstCharacters;

    /// <summary>Where a text occurs twice, its first value counts.</summary>
    public TokenTrie(IEnumerable<KeyValuePair<string, int>> entries)
    {
        var firsts = new HashSet<char>();
        foreach (var (text, value) in entries)
        {
            ArgumentException.ThrowIfNullOrEmpty(text);
            firsts.Add(text[0]);
            Add(text, value);
        }

        _firstCharacters = SearchValues.Create([.. firsts]);
    }

    /// <summary>Index of the first character that some entry begins with, or -1.</summary>
    public int IndexOfCandidate(ReadOnlySpan<char> text) => text.IndexOfAny(_firstCharacters);

    /// <summary>The longest entry that <paramref name="text"/> begins with.</summary>
    public bool TryMatch(ReadOnlySpan<char> text, out int length, out int value)
    {
        (length, value) = (0, NoValue);
        var node = Root;
        for (var i = 0; i < text.Length && _edges.TryGetValue(Edge(node, text[i]), out node); i++)
        {
            if (_values[node] == NoValue) continue;
            (length, value) = (i + 1, _values[node]);
        }

        return length > 0;
    }

    private void Add(string text, int value)
    {
        var node = Root;
        foreach (var character in text)
        {
            var edge = Edge(node, character);
            if (!_edges.TryGetValue(edge, out var next))
            {
                next = _values.Count;
                _values.Add(NoValue);
                _edges.Add(edge, next);
            }

            node = next;
        }

        if (_values[node] == NoValue) _values[node] = value;
    }

    private static ulong Edge(int node, char character) => ((ulong)(uint)node << 16) | character;
}
