using System.Globalization;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// One of the regular expressions by which byte-level tokenizers cut a text; every character belongs to a match. They are
/// matched by hand: .NET's expressions see UTF-16 code units, and would take letters beyond U+FFFF for symbols.
/// </summary>
internal abstract class SplitExpression
{
    /// <summary>GPT-2's expression, which is also that of a "ByteLevel" pre-tokenizer with <c>use_regex</c>.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public const string Llama3Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Qwen2Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>CLIP's. White space belongs to none of its matches; here a run of it is a part by itself, which is no token's.</summary>
    public const string ClipPattern = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>What the expressions tell apart: <c>\p{L}</c>, <c>\p{N}</c>, <c>\s</c> and the rest.</summary>
    private protected enum Kind
    {
        Letter,
        Number,
        Space,
        Symbol,
    }

    public static SplitExpression Gpt2 { get; } = new Gpt2Expression();

    public static SplitExpression Qwen2 { get; } = new Qwen2Expression(mostDigits: 1);

    public static SplitExpression Clip { get; } = new ClipExpression();

    /// <summary>The expression of a tokenizer.json with this pattern; null if it is none of those of GPT-2, Llama 3 and Qwen2.</summary>
    public static SplitExpression? Find(string pattern) => pattern switch
    {
        Gpt2Pattern => Gpt2,
        Qwen2Pattern => Qwen2,
        Llama3Pattern => new Qwen2Expression(mostDigits: 3),
        _ => null,
    };

    /// <summary>Length of the match at the beginning of <paramref name="text"/>, which is not empty and has no lone surrogates.</summary>
    public abstract int PartLength(ReadOnlySpan<char> text);

    private protected static Kind KindOf(ReadOnlySpan<char> text, int index, out int length)
    {
        length = 1;
        var character = text[index];
        if (char.IsAsciiLetter(character)) return Kind.Letter;
        if (char.IsWhiteSpace(character)) return Kind.Space;
        Rune.DecodeFromUtf16(text[index..], out var rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Symbol,
        };
    }

    /// <summary>End of the run of characters of one kind that begins at <paramref name="start"/>; <paramref name="start"/> if there is none.</summary>
    private protected static int EndOfRun(ReadOnlySpan<char> text, int start, Kind kind, int mostCharacters = int.MaxValue)
    {
        var end = start;
        for (; end < text.Length && mostCharacters > 0 && KindOf(text, end, out var length) == kind; mostCharacters--) end += length;
        return end;
    }

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d</c>; 0 if the text begins with none of them.</summary>
    private protected static int ContractionLength(ReadOnlySpan<char> text, bool ignoreCase)
    {
        if (text.Length < 2 || text[0] != '\'') return 0;
        var first = Fold(text[1]);
        if (first is 's' or 't' or 'm' or 'd') return 2;
        return text.Length > 2 && (first, Fold(text[2])) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;

        // of all characters beyond ASCII only the long s is the same letter in another case
        char Fold(char character) => !ignoreCase ? character : character == 'ſ' ? 's' : char.ToLowerInvariant(character);
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: all white space, but the last one stays with what follows. The text begins with white space.</summary>
    private protected static int SpaceLength(ReadOnlySpan<char> text, int end) => end == text.Length ? end : Math.Max(1, end - 1);

    private sealed class Gpt2Expression : SplitExpression
    {
        public override int PartLength(ReadOnlySpan<char> text)
        {
            var contraction = ContractionLength(text, ignoreCase: false);
            if (contraction > 0) return contraction;
            var start = text is [' ', _, ..] ? 1 : 0;
            var kind = KindOf(text, start, out _);
            return kind != Kind.Space ? EndOfRun(text, start, kind) : SpaceLength(text, EndOfRun(text, 0, Kind.Space));
        }
    }

    private sealed class ClipExpression : SplitExpression
    {
        public override int PartLength(ReadOnlySpan<char> text)
        {
            var contraction = ContractionLength(text, ignoreCase: false);
            if (contraction > 0) return contraction;
            var kind = KindOf(text, 0, out _);
            return EndOfRun(text, 0, kind, kind == Kind.Number ? 1 : int.MaxValue);
        }
    }

    private sealed class Qwen2Expression(int mostDigits) : SplitExpression
    {
        public override int PartLength(ReadOnlySpan<char> text)
        {
            var contraction = ContractionLength(text, ignoreCase: true);
            if (contraction > 0) return contraction;
            var kind = KindOf(text, 0, out var first);
            if (kind == Kind.Number) return EndOfRun(text, 0, Kind.Number, mostDigits);
            // letters, and with them one character before them that is no line break
            if (kind == Kind.Letter || text[0] is not ('\r' or '\n'))
            {
                var letters = EndOfRun(text, first, Kind.Letter);
                if (kind == Kind.Letter || letters > first) return letters;
            }

            // symbols, with a space before and line breaks after them
            var start = text[0] == ' ' ? 1 : 0;
            var symbols = EndOfRun(text, start, Kind.Symbol);
            if (symbols > start) return EndOfLineBreaks(text, symbols);
            // white space up to its last line break
            var end = EndOfRun(text, 0, Kind.Space);
            var lines = text[..end].LastIndexOfAny('\r', '\n') + 1;
            return lines > 0 ? lines : SpaceLength(text, end);
        }

        private static int EndOfLineBreaks(ReadOnlySpan<char> text, int start)
        {
            var next = text[start..].IndexOfAnyExcept('\r', '\n');
            return next < 0 ? text.Length : start + next;
        }
    }
}
