namespace FlowCut.Models.Tokenization;

/// <summary>
/// CLIP's vocabulary tells a byte at the end of a word from the same byte inside: "t&lt;/w&gt;" and "t". Merging works on single
/// characters, so such a byte is written as one character of the private use area, which byte-level text never has.
/// </summary>
internal static class WordEnd
{
    private const string Suffix = "</w>";
    private const char Base = '\uE000';

    /// <summary>The character of a byte, see <see cref="ByteAlphabet"/>, at the end of a word.</summary>
    public static char Mark(char character) => (char)(Base + character);

    /// <summary>A token of the files, or a merge of two, with one character in place of the last one and its suffix.</summary>
    public static string Spell(string token)
    {
        var last = token.Length - Suffix.Length - 1;
        return last >= 0 && token.EndsWith(Suffix, StringComparison.Ordinal) && ByteAlphabet.ByteOf(token[last]) >= 0 ? token[..last] + Mark(token[last]) : token;
    }

    /// <summary>The reverse, for a message.</summary>
    public static string Plain(string spelled) =>
        spelled.Length > 0 && spelled[^1] >= Base && ByteAlphabet.ByteOf((char)(spelled[^1] - Base)) >= 0 ? $"{spelled[..^1]}{(char)(spelled[^1] - Base)}{Suffix}" : spelled;
}
