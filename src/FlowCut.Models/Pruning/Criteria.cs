namespace FlowCut.Models.Pruning;

/// <summary>Which criteria enter the fused score I = (a/Σa + s/Σs)·d (spec/flowcut.md, section 1). Without density the factor is 1; density alone gives I = d.</summary>
[Flags]
public enum Criteria
{
    None = 0,
    Attention = 1,
    Semantic = 2,
    Density = 4,
    All = Attention | Semantic | Density,
}

/// <summary>How semantic relevance to the CLS token is measured.</summary>
public enum SemanticCriterion
{
    /// <summary>Head mean of softmax(v_cls·V) over CLS and patches, not scaled: the released code.</summary>
    ValueSoftmax,
    /// <summary>Head mean of softmax(v_cls·V/√head size) over the patches alone: the paper's appendix.</summary>
    ScaledValueSoftmax,
    /// <summary>Cosine of the concatenated value vectors, clamped to [0, 1]; 0 where a norm is 0.</summary>
    Cosine,
}
