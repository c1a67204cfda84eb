using FlowCut.Models.Backends;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Pruning;

/// <summary>
/// One run of a strategy that chooses once, among the visual tokens that leave the encoder. It may look at layers on the way; then
/// <see cref="Reduce"/> is called for each picture.
/// </summary>
public interface ITokenReduction : ILayerObserver
{
    /// <summary>
    /// Whether the connector's outputs decide or are merged, so that it makes all of them. Else <see cref="Reduce"/> gets the encoder's
    /// features, and only what is left goes through the connector.
    /// </summary>
    bool AfterConnector { get; }

    /// <summary>What is left of one picture. Waits.</summary>
    /// <exception cref="ComputationException">What decides is not a number.</exception>
    ReducedTokens Reduce(TokenFeatures features);
}

/// <summary>The visual tokens of one picture.</summary>
public sealed class TokenFeatures
{
    /// <summary>Of the picture among those of the stage.</summary>
    public required int Sequence { get; init; }

    /// <summary>[tokens, width]: the connector's outputs, or the encoder's features, those of a token joined. Valid during the call.</summary>
    public required Tensor Tokens { get; init; }

    /// <summary>[patches, width]: the encoder's features that the tokens were made of. Valid during the call.</summary>
    public required Tensor Features { get; init; }

    /// <summary>Receives what decided; null: nothing is recorded.</summary>
    public TraceScope? Trace { get; init; }
}

/// <summary>What is left of a picture.</summary>
public sealed class ReducedTokens
{
    /// <summary>
    /// For each row of the result, in the order of the language model: the number of the token that it is, or that it mainly stands
    /// for; −1 where it is none's (the CLS token, a row of zeros).
    /// </summary>
    public required int[] Numbers { get; init; }

    /// <summary>Tokens that stay, ascending, merged rows not counted; null where every token has its part in a row.</summary>
    public required int[]? Kept { get; init; }

    /// <summary>How the rows are made of the tokens, those of a CLS token in front not counted; null: they are tokens as they are.</summary>
    public RowMix? Mix { get; init; }

    /// <summary>The encoder's CLS row stands in front; only before the connector.</summary>
    public bool WithClass { get; init; }

    /// <summary>Tokens as they are, in a given order.</summary>
    internal static ReducedTokens Of(int[] tokens)
    {
        var kept = (int[])tokens.Clone();
        Array.Sort(kept);
        return new ReducedTokens { Numbers = tokens, Kept = kept };
    }
}
