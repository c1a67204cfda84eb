namespace FlowCut.Kernels.Cases;

/// <summary>
/// What a result may differ from its double-precision oracle: Absolute + (Epsilons·2⁻²³ + half a unit of the type it is stored
/// in)·|reference|. One table for all operations.
/// </summary>
internal sealed record Tolerance(double Absolute, double Epsilons)
{
    public static readonly Tolerance Exact = new(0, 0);
    public static readonly Tolerance ElementWise = new(1e-6, 8);
    public static readonly Tolerance Norm = new(2e-6, 16);
    public static readonly Tolerance LinearVector = new(2e-5, 16);
    public static readonly Tolerance Softmax = new(1e-7, 64);
    public static readonly Tolerance LogSoftmax = new(4e-6, 8);
    public static readonly Tolerance ValueStatistic = new(1e-5, 16);
    public static readonly Tolerance FlowScore = new(1e-9, 96);
    public static readonly Tolerance EntropyRatio = new(2e-6, 0);
    public static readonly Tolerance LogProbability = new(2e-5, 16);
    public static readonly Tolerance Mean = new(1e-6, 16);
    public static readonly Tolerance Rotary = new(1e-6, 8);
    public static readonly Tolerance Mix = new(4e-6, 16);
    public static readonly Tolerance Pair = new(1e-4, 64);
    public static readonly Tolerance Cosine = new(2e-6, 8);

    /// <summary>Decoding keeps its probabilities in fp32 whatever the elements are.</summary>
    public static readonly Tolerance DecodeAttention = new(5e-6, 32);

    /// <summary>Tensor cores take the probabilities rounded to the element type, so values of both signs cancel to within its steps.</summary>
    public static Tolerance Attention(ElementType type) => new(type == ElementType.Float32 ? 5e-6 : Numbers.Epsilon(type), 32);

    /// <summary>Not-a-number and the infinities must be where the reference has them.</summary>
    public void Check(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, ElementType type, string what)
    {
        Verify.Equal(expected.Length, actual.Length, $"{what}: the number of entries");
        var relative = Epsilons * Math.ScaleB(1, -23) + (type == ElementType.Float32 ? 0 : 0.5001 * Numbers.Epsilon(type));
        // below the normal numbers of fp16 the steps stay the same
        var absolute = Absolute + (type == ElementType.Float16 ? Math.ScaleB(1, -25) : 0);
        double worst = 0;
        var worstAt = -1;
        for (var i = 0; i < expected.Length; i++)
        {
            if (Numbers.Stored((float)expected[i], type) == actual[i] || (double.IsNaN(expected[i]) && float.IsNaN(actual[i]))) continue;
            var share = Math.Abs(expected[i] - actual[i]) / (absolute + relative * Math.Abs(expected[i]));
            if (double.IsNaN(share)) share = double.PositiveInfinity;
            if (share > worst) (worst, worstAt) = (share, i);
        }

        Verify.True(worst <= 1, worstAt < 0 ? what : $"{what}: entry {worstAt} is {actual[worstAt]:R}, expected {expected[worstAt]:R}, {worst:P0} of what is allowed");
    }
}
