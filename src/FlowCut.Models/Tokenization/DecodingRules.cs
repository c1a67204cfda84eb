namespace FlowCut.Models.Tokenization;

/// <summary>How bytes that are not UTF-8 are shown.</summary>
internal enum InvalidBytes
{
    /// <summary>Each invalid byte becomes U+FFFD, as in sentencepiece.</summary>
    Each,

    /// <summary>If a run of bytes is not valid as a whole, each of its bytes becomes U+FFFD, as Hugging Face's "ByteFallback" does.</summary>
    WholeRun,

    /// <summary>
    /// A beginning of a character that does not go on, or else a byte that begins none, becomes U+FFFD (Unicode's "maximal
    /// subpart"), as Hugging Face's "ByteLevel" does.
    /// </summary>
    EachSequence,
}

/// <summary>How ids become text again.</summary>
internal sealed class DecodingRules
{
    /// <summary>Text of each id; null where an id has no token.</summary>
    public required string?[] Texts { get; init; }

    /// <summary>Stands for a space in <see cref="Texts"/>: U+2581, or the space itself where the marks are replaced already.</summary>
    public required char SpaceMark { get; init; }

    /// <summary>The bytes that each id stands for; where there are some, they count instead of the text.</summary>
    public required TokenBytes Bytes { get; init; }

    /// <summary>What becomes of bytes that are not UTF-8.</summary>
    public required InvalidBytes Invalid { get; init; }

    /// <summary>Which ids are left out when special tokens are skipped.</summary>
    public required bool[] Special { get; init; }

    /// <summary>How many <see cref="SpaceMark"/>s at the very beginning are dropped: those that encoding puts there.</summary>
    public required int LeadingSpaces { get; init; }

    /// <summary>Rules of byte-level BPE. An added token is its text: it is never taken for bytes.</summary>
    /// <exception cref="ModelFormatException">A token is not byte-level text.</exception>
    public static DecodingRules OfByteLevel(Vocabulary vocabulary) => new()
    {
        Texts = vocabulary.GetTexts(),
        SpaceMark = ' ',
        Bytes = TokenBytes.OfByteLevel(vocabulary),
        Invalid = InvalidBytes.EachSequence,
        Special = vocabulary.GetSpecial(),
        LeadingSpaces = 0,
    };
}
