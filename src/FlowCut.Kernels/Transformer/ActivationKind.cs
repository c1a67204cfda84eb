namespace FlowCut.Kernels.Transformer;

/// <summary>A function of one number, computed in fp32 (kernels/fc/math.cuh).</summary>
public enum ActivationKind
{
    /// <summary>x.</summary>
    None,

    /// <summary>x·σ(1.702·x), CLIP's.</summary>
    QuickGelu,

    /// <summary>x·Φ(x) with the exact error function.</summary>
    Gelu,

    /// <summary>x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), SigLIP's.</summary>
    GeluTanh,

    /// <summary>x·σ(x), Llama's.</summary>
    Silu,
}
