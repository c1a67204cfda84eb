using System.Globalization;
using System.Text;
using FlowCut.Models.Tokenization;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>Decoding word for word, all ids at once.</summary>
/// <param name="WholeRuns">A run of byte tokens is valid UTF-8 as a whole or not at all (tokenizer.json).</param>
/// <param name="DropsFirstSpace">The text's first space is the prefix that encoding puts there.</param>
internal sealed record DecodingByDefinition(bool WholeRuns, bool DropsFirstSpace)
{
    private static readonly UTF8Encoding _strict = new(false, throwOnInvalidBytes: true);

    public string Decode(Tokenizer tokenizer, int[] ids, bool skipSpecial)
    {
        var tokens = ids.Where(id => tokenizer.TokenOf(id) is not null && !(skipSpecial && tokenizer.IsSpecial(id))).Select(id => tokenizer.TokenOf(id)!).ToList();
        var text = new StringBuilder();
        for (var i = 0; i < tokens.Count;)
        {
            var run = tokens.Skip(i).TakeWhile(IsByte).Select(token => byte.Parse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            text.Append(run.Length > 0 ? Spelled(run) : tokens[i].Replace('▁', ' '));
            i += Math.Max(1, run.Length);
        }

        var result = text.ToString();
        var prefixed = DropsFirstSpace && result.StartsWith(' ') && (WholeRuns || !IsByte(tokens[0]));
        return prefixed ? result[1..] : result;
    }

    private static bool IsByte(string token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal);

    private string Spelled(byte[] run)
    {
        if (WholeRuns) return TryDecode(run) ?? new string('\uFFFD', run.Length);
        var text = new StringBuilder();
        for (var i = 0; i < run.Length;)
        {
            var length = Enumerable.Range(1, Math.Min(4, run.Length - i)).FirstOrDefault(length => TryDecode(run[i..(i + length)]) is not null);
            text.Append(length > 0 ? TryDecode(run[i..(i + length)]) : "\uFFFD");
            i += Math.Max(1, length);
        }

        return text.ToString();
    }

    private static string? TryDecode(byte[] bytes)
    {
        try
        {
            return _strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
