namespace FlowCut.Models.Tokenization;

/// <summary>Cuts a piece of normalised text into parts that no token reaches over, and writes them in the characters of the vocabulary.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Encodes the parts one after another.</summary>
    /// <param name="text">Normalised text between two added tokens; not empty.</param>
    /// <param name="first">The text begins here.</param>
    /// <param name="encoder">Encodes a part.</param>
    /// <param name="buffer">Receives the ids.</param>
    public abstract void Encode(ReadOnlySpan<char> text, bool first, BytePairEncoder encoder, EncodingBuffer buffer);
}

/// <summary>No pre-tokenizer: the text is one part as it is.</summary>
internal sealed class WholeText : PreTokenizer
{
    public override void Encode(ReadOnlySpan<char> text, bool first, BytePairEncoder encoder, EncodingBuffer buffer) => encoder.Encode(text, buffer);
}

/// <summary>When <see cref="Metaspace"/> puts its mark in front of a piece of text that does not begin with one.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Pre-tokenizer "Metaspace" of a tokenizer.json: spaces become marks, and a piece may get one in front.</summary>
/// <param name="replacement">The mark.</param>
/// <param name="scheme">Where a mark is put in front: at every piece, only at the beginning of the whole text, or nowhere.</param>
/// <param name="split">Tokens do not reach over a mark: the text is cut in front of each.</param>
internal sealed class Metaspace(char replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    public override void Encode(ReadOnlySpan<char> text, bool first, BytePairEncoder encoder, EncodingBuffer buffer)
    {
        ReadOnlySpan<char> rest = Mark(text, first);
        while (!rest.IsEmpty)
        {
            var length = PartLength(rest);
            encoder.Encode(rest[..length], buffer);
            rest = rest[length..];
        }
    }

    private string Mark(ReadOnlySpan<char> text, bool first)
    {
        var result = text.ToString().Replace(' ', replacement);
        var prepend = scheme == PrependScheme.Always || (scheme == PrependScheme.First && first);
        return prepend && !result.StartsWith(replacement) ? replacement + result : result;
    }

    private int PartLength(ReadOnlySpan<char> text)
    {
        if (!split) return text.Length;
        var next = text[1..].IndexOf(replacement);
        return next < 0 ? text.Length : next + 1;
    }
}
