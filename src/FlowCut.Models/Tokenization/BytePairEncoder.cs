using System.Buffers;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>What a <see cref="BytePairEncoder"/> is made of.</summary>
internal sealed class BytePairRules
{
    /// <summary>Id of each character that is a token, by code point.</summary>
    public required Dictionary<int, int> Characters { get; init; }

    /// <summary>The merges; a symbol is a token's id or what <see cref="BytePairEncoder.SymbolOf"/> gives.</summary>
    public required MergeTable Merges { get; init; }

    /// <summary>Pieces that are taken whole wherever they stand and never merge with a neighbour; null if there are none.</summary>
    public TokenTrie? Indivisible { get; init; }

    /// <summary>Ids of the 256 byte tokens, which spell a character that has no token; null where characters are not spelled.</summary>
    public int[]? ByteIds { get; init; }

    /// <summary>Stands for a character that has no token and is not spelled in bytes.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Neighbouring unknown characters give one <see cref="UnknownId"/>.</summary>
    public bool FuseUnknown { get; init; } = true;

    /// <summary>If set, a text that is itself one of these tokens becomes that token, whatever the merges say.</summary>
    public Dictionary<string, int>? WholeTexts { get; init; }
}

/// <summary>
/// Byte-pair encoding of one piece of normalised text: from single characters, the best-ranked pair of neighbours is
/// joined until none is left; among equals the leftmost. A linked list and a heap: O(n log n) for n characters, where n
/// is a stretch of the text that merges can reach over, mostly a word. Safe for concurrent use.
/// </summary>
internal sealed class BytePairEncoder(BytePairRules rules)
{
    /// <summary>Ids above this are refused on loading, so that symbols without an id have room above them.</summary>
    public const int MaxTokenId = (1 << 21) - 1;

    // symbols that no token has: a character without a token, and a piece that must not merge
    private const int CharacterBase = 1 << 24;
    private const int IndivisibleFlag = 1 << 28;

    private const int None = -1;

    /// <summary>The symbol of a character that no token stands for. Merges may join it, since a longer token may contain it.</summary>
    public static int SymbolOf(Rune character) => CharacterBase + character.Value;

    /// <summary>Appends the token ids of <paramref name="text"/>, which has no lone surrogates.</summary>
    public void Encode(ReadOnlySpan<char> text, EncodingBuffer buffer)
    {
        if (text.IsEmpty) return;
        if (rules.WholeTexts is { } whole && whole.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var id))
        {
            buffer.Ids.Add(id);
            return;
        }

        var rented = ArrayPool<int>.Shared.Rent(checked(3 * text.Length));
        var symbols = rented.AsSpan(0, text.Length);
        var previous = rented.AsSpan(text.Length, text.Length);
        var next = rented.AsSpan(2 * text.Length, text.Length);
        var afterUnknown = false;
        while (!text.IsEmpty)
        {
            var count = ReadStretch(ref text, symbols);
            MergeAll(symbols[..count], previous, next, buffer.Candidates);
            Append(symbols, next, buffer.Ids, ref afterUnknown);
        }

        ArrayPool<int>.Shared.Return(rented);
    }

    /// <summary>Takes the symbols up to the first place that no merge reaches over.</summary>
    private int ReadStretch(ref ReadOnlySpan<char> text, Span<int> symbols)
    {
        var count = 0;
        char last;
        do
        {
            if (rules.Indivisible is { } indivisible && indivisible.TryMatch(text, out var length, out var id))
            {
                symbols[count++] = id | IndivisibleFlag;
            }
            else
            {
                Rune.DecodeFromUtf16(text, out var rune, out length);
                symbols[count++] = rules.Characters.TryGetValue(rune.Value, out id) ? id : SymbolOf(rune);
            }

            last = text[length - 1];
            text = text[length..];
        }
        while (!text.IsEmpty && rules.Merges.CanJoin(last, text[0]));
        return count;
    }

    private void MergeAll(Span<int> symbols, Span<int> previous, Span<int> next, PriorityQueue<ulong, ulong> candidates)
    {
        for (var i = 0; i < symbols.Length; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1 < symbols.Length ? i + 1 : None;
            if (i > 0) Consider(symbols, i - 1, i, candidates);
        }

        while (candidates.TryDequeue(out var pair, out var priority))
        {
            var left = (int)(uint)priority;
            var right = next[left];
            // symbols only grow, so a pair that still reads the same is the pair that was found
            if (symbols[left] == None || right == None || MergeTable.PairOf(symbols[left], symbols[right]) != pair) continue;
            rules.Merges.TryGet(pair, out var merge);
            symbols[left] = merge.Id;
            symbols[right] = None;
            next[left] = next[right];
            if (next[left] != None)
            {
                previous[next[left]] = left;
                Consider(symbols, left, next[left], candidates);
            }

            if (previous[left] != None) Consider(symbols, previous[left], left, candidates);
        }
    }

    private void Consider(ReadOnlySpan<int> symbols, int left, int right, PriorityQueue<ulong, ulong> candidates)
    {
        var pair = MergeTable.PairOf(symbols[left], symbols[right]);
        if (rules.Merges.TryGet(pair, out var merge)) candidates.Enqueue(pair, ((ulong)(uint)merge.Rank << 32) | (uint)left);
    }

    private void Append(ReadOnlySpan<int> symbols, ReadOnlySpan<int> next, List<int> ids, ref bool afterUnknown)
    {
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i != None; i = next[i])
        {
            var symbol = symbols[i] & ~IndivisibleFlag;
            var unknown = symbol >= CharacterBase;
            if (!unknown)
            {
                ids.Add(symbol);
            }
            else if (rules.ByteIds is { } byteIds)
            {
                var length = new Rune(symbol - CharacterBase).EncodeToUtf8(utf8);
                foreach (var value in utf8[..length]) ids.Add(byteIds[value]);
            }
            else if (rules.UnknownId is { } unknownId && !(afterUnknown && rules.FuseUnknown))
            {
                ids.Add(unknownId);
            }

            afterUnknown = unknown;
        }
    }
}
