namespace FlowCut.Models.Tokenization;

/// <summary>How ids become text again.</summary>
internal sealed class DecodingRules
{
    /// <summary>Text of each id; null where an id has no token.</summary>
    public required string?[] Texts { get; init; }

    /// <summary>Stands for a space in <see cref="Texts"/>: U+2581, or the space itself where the marks are replaced already.</summary>
    public required char SpaceMark { get; init; }

    /// <summary>The byte that an id stands for, or -1.</summary>
    public required short[] Bytes { get; init; }

    /// <summary>Which ids are left out when special tokens are skipped.</summary>
    public required bool[] Special { get; init; }

    /// <summary>How many <see cref="SpaceMark"/>s at the very beginning are dropped: those that encoding puts there.</summary>
    public required int LeadingSpaces { get; init; }

    /// <summary>
    /// A run of byte tokens that is not valid UTF-8 as a whole becomes one U+FFFD for each of its bytes, as in Hugging
    /// Face's tokenizers. Otherwise only its invalid bytes do, as in sentencepiece.
    /// </summary>
    public required bool WholeByteRuns { get; init; }
}
