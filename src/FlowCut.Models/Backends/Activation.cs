namespace FlowCut.Models.Backends;

/// <summary>Element-wise function applied in a linear layer's epilogue, before the residual is added.</summary>
public enum Activation
{
    None,
    /// <summary>x · σ(1.702·x), CLIP's.</summary>
    QuickGelu,
    /// <summary>x · Φ(x) with the exact error function.</summary>
    Gelu,
    /// <summary>x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), SigLIP's; NaN at −∞, as the formula gives.</summary>
    GeluTanh,
}
