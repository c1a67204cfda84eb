using System.Globalization;

namespace FlowCut.Models.Tokenization;

/// <summary>Tokens that stand for one byte of a character that has no token: <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
internal static class ByteTokens
{
    /// <summary>The byte that <paramref name="text"/> names, or -1.</summary>
    public static int ValueOf(ReadOnlySpan<char> text) =>
        text is ['<', '0', 'x', _, _, '>'] && byte.TryParse(text[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? value
            : -1;

    public static string NameOf(int value) => $"<0x{value:X2}>";
}
