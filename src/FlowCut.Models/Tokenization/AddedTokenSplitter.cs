using System.Buffers;
using System.Globalization;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>Part of a text: an added token, or what stands between two of them (<see cref="Token"/> is null).</summary>
/// <param name="Start">Index of the first UTF-16 code unit.</param>
/// <param name="End">Index after the last.</param>
/// <param name="Token">Id of the added token.</param>
internal readonly record struct TextPart(int Start, int End, int? Token);

/// <summary>
/// Cuts a text at its added tokens: the leftmost first, of those that begin there the longest. A match that
/// <see cref="AddedToken.SingleWord"/> forbids is passed over as a whole, as in Hugging Face's tokenizers.
/// </summary>
internal sealed class AddedTokenSplitter
{
    private readonly TokenTrie _trie;
    private readonly IReadOnlyList<AddedToken> _tokens;

    /// <param name="tokens">The tokens; where two have one form the first counts.</param>
    /// <param name="formOf">The text to look for, given the token's content; an empty one is never found.</param>
    public AddedTokenSplitter(IReadOnlyList<AddedToken> tokens, Func<string, string> formOf)
    {
        _tokens = tokens;
        _trie = new TokenTrie(tokens
            .Select((token, index) => KeyValuePair.Create(formOf(token.Content), index))
            .Where(entry => entry.Key.Length > 0));
    }

    /// <summary>The parts of <paramref name="text"/> in order; parts of plain text are never empty.</summary>
    public List<TextPart> Split(ReadOnlySpan<char> text)
    {
        var parts = new List<TextPart>();
        var done = 0;
        var position = 0;
        while (position < text.Length)
        {
            var candidate = _trie.IndexOfCandidate(text[position..]);
            if (candidate < 0) break;
            var start = position + candidate;
            if (!_trie.TryMatch(text[start..], out var length, out var index))
            {
                position = start + 1;
                continue;
            }

            var end = position = start + length;
            var token = _tokens[index];
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..]))) continue;
            if (token.LeftStrip) start = Math.Max(done, text[..start].TrimEnd().Length);
            if (token.RightStrip) end = text.Length - text[end..].TrimStart().Length;
            if (done < start) parts.Add(new TextPart(done, start, null));
            parts.Add(new TextPart(start, end, token.Id));
            done = end;
        }

        if (done < text.Length) parts.Add(new TextPart(done, text.Length, null));
        return parts;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    /// <summary>The <c>\w</c> of Unicode's regular expressions (UTS 18): alphabetic, marks, decimal digits, connectors, joiners.</summary>
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation => true,
        // circled and squared Latin letters are symbols with the property Other_Alphabetic
        UnicodeCategory.OtherSymbol => rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149)
            or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
        _ => rune.Value is 0x200C or 0x200D,
    };
}
