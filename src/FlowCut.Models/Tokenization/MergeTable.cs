using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Tokenization;

/// <summary>The result of joining two symbols.</summary>
/// <param name="Rank">The pair with the lowest rank in the text is joined first; equal ranks go from left to right.</param>
/// <param name="Id">The joined symbol.</param>
internal readonly record struct Merge(int Rank, int Id);

/// <summary>Which two neighbouring symbols join into which.</summary>
internal sealed class MergeTable(int capacity)
{
    private const int StackLimit = 128;

    private readonly Dictionary<ulong, Merge> _merges = new(capacity);

    // the two UTF-16 code units that meet where a merge joins
    private readonly HashSet<uint> _seams = [];

    /// <summary>Key of two neighbouring symbols.</summary>
    public static ulong PairOf(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    /// <summary>Adds a merge; one that was added before for the same symbols is replaced.</summary>
    /// <param name="left">Text of the left symbol.</param>
    /// <param name="right">Text of the right symbol.</param>
    /// <param name="pair">The two symbols, see <see cref="PairOf"/>.</param>
    /// <param name="merge">What they become.</param>
    public void Set(ReadOnlySpan<char> left, ReadOnlySpan<char> right, ulong pair, Merge merge)
    {
        _merges[pair] = merge;
        _seams.Add(SeamOf(left[^1], right[0]));
    }

    /// <summary>Adds the merge of two tokens into a third; one that was added before for the same two is replaced.</summary>
    /// <param name="vocabulary">Has the three tokens.</param>
    /// <param name="left">Text of the left token.</param>
    /// <param name="right">Text of the right token.</param>
    /// <param name="rank">The merge's rank.</param>
    /// <param name="missing">Where the result is false: the one of the three texts that is no token.</param>
    public bool TryAdd(Vocabulary vocabulary, ReadOnlySpan<char> left, ReadOnlySpan<char> right, int rank, [NotNullWhen(false)] out string? missing)
    {
        var length = left.Length + right.Length;
        Span<char> joined = length <= StackLimit ? stackalloc char[length] : new char[length];
        left.CopyTo(joined);
        right.CopyTo(joined[left.Length..]);
        missing = null;
        if (vocabulary.IdOf(left) is not { } leftId) missing = left.ToString();
        else if (vocabulary.IdOf(right) is not { } rightId) missing = right.ToString();
        else if (vocabulary.IdOf(joined) is not { } id) missing = joined.ToString();
        else Set(left, right, PairOf(leftId, rightId), new Merge(rank, id));
        return missing is null;
    }

    /// <summary>As <see cref="TryAdd"/>, for two tokens with a space between; false without a missing token if the text is anything else.</summary>
    public bool TryAddLine(Vocabulary vocabulary, ReadOnlySpan<char> line, int rank, out string? missing)
    {
        missing = null;
        var space = line.IndexOf(' ');
        if (space <= 0 || space == line.Length - 1 || line[(space + 1)..].Contains(' ')) return false;
        return TryAdd(vocabulary, line[..space], line[(space + 1)..], rank, out missing);
    }

    public bool TryGet(ulong pair, out Merge merge) => _merges.TryGetValue(pair, out merge);

    /// <summary>False if no merge ever joins a symbol that ends with <paramref name="left"/> and one that begins with <paramref name="right"/>.</summary>
    public bool CanJoin(char left, char right) => _seams.Contains(SeamOf(left, right));

    private static uint SeamOf(char left, char right) => ((uint)left << 16) | right;
}
