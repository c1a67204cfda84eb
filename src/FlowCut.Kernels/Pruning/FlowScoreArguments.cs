namespace FlowCut.Kernels.Pruning;

/// <summary>Which criteria enter the fused score I = (a/Σa + s/Σs)·d. Without density the factor is 1; density alone gives I = d.</summary>
[Flags]
public enum FlowCriteria
{
    /// <summary>None: refused.</summary>
    None = 0,

    /// <summary>a: attention of the global query.</summary>
    Attention = 1,

    /// <summary>s: similarity to the global value.</summary>
    Semantic = 2,

    /// <summary>d: ‖mean over heads of the value‖₁.</summary>
    Density = 4,

    /// <summary>The method as published.</summary>
    All = Attention | Semantic | Density,
}

/// <summary>How similarity to the global value is measured.</summary>
public enum FlowSemantic
{
    /// <summary>Head mean of the softmax of the products over all rows of the sequence, CLS included, not scaled: the released code.</summary>
    SoftmaxOverAll,

    /// <summary>Head mean of the softmax of the scaled products over the patches: the paper, and encoders without CLS.</summary>
    SoftmaxOverPatches,

    /// <summary>Cosine of the values of all heads joined, clamped to [0, 1]; 0 where a norm is 0.</summary>
    Cosine,
}

/// <summary>
/// FlowCut's scores of one layer (arXiv 2505.19536): a, s and d of every patch, I = (a/Σa + s/Σs)·d, S = (1 − w)·S + w·I, and the
/// entropy ratio h = −Σ p·log p/log N of p = a/Σa. Columns and lengths are key rows; with a CLS token the first row of every
/// sequence gets a = s = I = 0 and S = +∞, so that a selection keeps it.
/// </summary>
public readonly struct FlowScoreArguments
{
    /// <summary>[heads, key rows], Float32: logarithms of a softmax over CLS and patches, as attention exports them. A logarithm, because the patches' share may underflow.</summary>
    public required DeviceMatrix LogProbabilities { get; init; }

    /// <summary>[value heads, key rows], Float32: <see cref="ValueStatisticsArguments.Products"/>.</summary>
    public required DeviceMatrix Products { get; init; }

    /// <summary>[key rows]: <see cref="ValueStatisticsArguments.Density"/>.</summary>
    public required DeviceArray<float> Density { get; init; }

    /// <summary>[key rows]: <see cref="ValueStatisticsArguments.SquaredNorms"/>; read for <see cref="FlowSemantic.Cosine"/> only, else may be empty.</summary>
    public DeviceArray<float> SquaredNorms { get; init; }

    /// <summary>[sequences]: squared norms of global values that were given; empty: that of each sequence's first row.</summary>
    public DeviceArray<float> GlobalSquaredNorms { get; init; }

    /// <summary>[sequences + 1], on the device: sequence s is key rows offsets[s] … offsets[s + 1] − 1. Not checked.</summary>
    public required DeviceArray<int> Offsets { get; init; }

    /// <summary>No sequence has more patches than this; at most 16384.</summary>
    public required int MaxPatches { get; init; }

    /// <summary>The first row of each sequence is a CLS token.</summary>
    public bool HasClass { get; init; }

    /// <summary>What enters the score.</summary>
    public FlowCriteria Criteria { get; init; }

    /// <summary>How s is measured.</summary>
    public FlowSemantic Semantic { get; init; }

    /// <summary>The factor inside <see cref="FlowSemantic.SoftmaxOverPatches"/>: 1/√head size in the paper, 1 for means over tokens.</summary>
    public float SemanticScale { get; init; }

    /// <summary>a as a softmax over the patches alone (the paper, and encoders without CLS) instead of over CLS and patches.</summary>
    public bool AttentionOverPatches { get; init; }

    /// <summary>w, 0 to 1; null where this is the first scored layer (S = I, S is not read).</summary>
    public float? EmaWeight { get; init; }

    /// <summary>[key rows]: a; empty: not wanted.</summary>
    public DeviceArray<float> Attention { get; init; }

    /// <summary>[key rows]: s; empty: not wanted.</summary>
    public DeviceArray<float> SemanticScores { get; init; }

    /// <summary>[key rows]: I; empty: not wanted.</summary>
    public DeviceArray<float> Scores { get; init; }

    /// <summary>[key rows]: S.</summary>
    public required DeviceArray<float> Cumulative { get; init; }

    /// <summary>[sequences]: h; NaN where a score of the sequence is not a number.</summary>
    public required DeviceArray<float> EntropyRatios { get; init; }

    /// <summary>
    /// [2·sequences], device address of mapped host memory, or empty: for each sequence the bits of h and then <see cref="Number"/>,
    /// written last, so that a host that sees the number may read h while later work goes on.
    /// </summary>
    public DeviceArray<uint> Mapped { get; init; }

    /// <summary>What announces the mapped values: a number that was not there before.</summary>
    public uint Number { get; init; }
}
