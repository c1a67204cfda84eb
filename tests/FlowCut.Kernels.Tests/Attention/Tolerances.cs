using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Transformer;

/// <summary>Tolerances that depend on the type in which intermediate values are kept.</summary>
internal static class Tolerances
{
    public static readonly Tolerance LogProbability = new(1e-5, 16);
    public static readonly Tolerance Mean = new(1e-6, 16);
    public static readonly Tolerance Rotary = new(1e-6, 8);

    /// <summary>Tensor cores take the probabilities rounded to the element type, so values of both signs cancel to within its steps.</summary>
    public static Tolerance Attention(ElementType type) => new(type == ElementType.Float32 ? 5e-6 : Operations.Numbers.Epsilon(type), 32);

    /// <summary>Decoding keeps its probabilities in fp32.</summary>
    public static readonly Tolerance Decode = new(5e-6, 32);
}
