using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>Cutting a text by .NET's own regular expressions, which see one UTF-16 code unit for each character here.</summary>
internal static class SplittingByDefinition
{
    public static IEnumerable<string> Split(string pattern, string text)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        var stand = string.Concat(runes.Select(StandIn));
        return Regex.Matches(stand, pattern, RegexOptions.CultureInvariant).Select(match => string.Concat(runes[match.Index..(match.Index + match.Length)]));
    }

    /// <summary>A character of the same kind that is one code unit; .NET does not know the long s as an s in another case.</summary>
    private static char StandIn(Rune rune) => rune.Value switch
    {
        'ſ' => 's',
        <= 0xFFFF => (char)rune.Value,
        _ => Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => 'x',
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '0',
            _ => '*',
        },
    };
}
