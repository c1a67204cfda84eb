namespace FlowCut.Models.Tokenization;

/// <summary>What a tokenizer's files are turned into.</summary>
internal sealed class TokenizerParts
{
    public required Vocabulary Vocabulary { get; init; }

    public required BytePairEncoder Encoder { get; init; }

    public required TextNormalizer Normalizer { get; init; }

    public required PreTokenizer PreTokenizer { get; init; }

    public required DecodingRules Decoding { get; init; }

    public int? UnknownId { get; init; }

    public int? BosId { get; init; }

    public int? EosId { get; init; }

    public int? PadId { get; init; }

    public bool AddsBos { get; init; }
}
