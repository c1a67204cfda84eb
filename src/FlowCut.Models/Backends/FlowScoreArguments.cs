using FlowCut.Models.Pruning;

namespace FlowCut.Models.Backends;

/// <summary>
/// FlowCut's scores of one layer (spec/flowcut.md, sections 1 to 3) from what attention exported. All rows are
/// [1, key rows]; with a CLS token the entry of each sequence's first row is 0 and means nothing, but for the running score,
/// where it is +∞, so that a selection always keeps that row. Without one every row is a patch.
/// </summary>
public readonly struct FlowScoreArguments
{
    public required AttentionExport Export { get; init; }

    public required Sequences Keys { get; init; }

    public required int Heads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Whether each sequence's first row is a CLS token.</summary>
    public required bool HasClass { get; init; }

    public required Criteria Criteria { get; init; }

    public required SemanticCriterion Semantic { get; init; }

    /// <summary>Attention as a softmax over the patches alone (the paper) instead of over CLS and patches (as released).</summary>
    public required bool AttentionOverPatches { get; init; }

    /// <summary>w of S ← (1 − w)·S + w·I; null where this is the first scored layer (S = I).</summary>
    public required float? EmaWeight { get; init; }

    public required Tensor AttentionScores { get; init; }

    public required Tensor SemanticScores { get; init; }

    /// <summary>I, the fused score of this layer.</summary>
    public required Tensor Scores { get; init; }

    /// <summary>S: read (unless <see cref="EmaWeight"/> is null) and written.</summary>
    public required Tensor Cumulative { get; init; }

    /// <summary>h of each sequence; NaN where any of its scores is not a number. Null where only the device needs them.</summary>
    public required HostValues? EntropyRatios { get; init; }
}
