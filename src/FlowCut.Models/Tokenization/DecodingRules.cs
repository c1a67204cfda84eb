namespace FlowCut.Models.Tokenization;

/// <summary>How ids become text again.</summary>
internal sealed class DecodingRules
{
    /// <summary>Text of each id with its space marks already turned into spaces; null where an id has no token.</summary>
    public required string?[] Texts { get; init; }

    /// <summary>The byte that an id stands for, or -1.</summary>
    public required short[] Bytes { get; init; }

    /// <summary>Which ids are left out when special tokens are skipped.</summary>
    public required bool[] Special { get; init; }

    /// <summary>How many spaces at the very beginning are dropped: those that encoding puts there.</summary>
    public required int LeadingSpaces { get; init; }

    /// <summary>
    /// A run of byte tokens that is not valid UTF-8 as a whole becomes one U+FFFD for each of its bytes, as in Hugging
    /// Face's tokenizers. Otherwise only its invalid bytes do, as in sentencepiece.
    /// </summary>
    public required bool WholeByteRuns { get; init; }

    /// <summary>
    /// Tables for ids up to the vocabulary's highest: <paramref name="surfaceOf"/> gives the text that a token leaves in
    /// the output, <paramref name="byteOf"/> the byte that it stands for (by id and text) or -1.
    /// </summary>
    public static DecodingRules Create(
        Vocabulary vocabulary, Func<string, string> surfaceOf, Func<int, string, int> byteOf, int leadingSpaces, bool wholeByteRuns)
    {
        var texts = new string?[vocabulary.MaxId + 1];
        var bytes = new short[texts.Length];
        var special = new bool[texts.Length];
        for (var id = 0; id < texts.Length; id++)
        {
            var token = vocabulary.TextOf(id);
            texts[id] = token is null ? null : surfaceOf(token);
            bytes[id] = (short)(token is null ? -1 : byteOf(id, token));
        }

        foreach (var token in vocabulary.AddedTokens) special[token.Id] |= token.Special;
        return new DecodingRules { Texts = texts, Bytes = bytes, Special = special, LeadingSpaces = leadingSpaces, WholeByteRuns = wholeByteRuns };
    }
}
