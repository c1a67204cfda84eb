namespace FlowCut.Models.Tests.Backends;

/// <summary>What a result may differ from its double-precision oracle: Absolute + Epsilons·2⁻²³·|reference|. One table for all operations.</summary>
internal sealed record Tolerance(double Absolute, double Epsilons)
{
    public static readonly Tolerance LayerNorm = new(2e-6, 8);
    public static readonly Tolerance RmsNorm = new(1e-7, 8);
    public static readonly Tolerance Attention = new(2e-6, 32);
    public static readonly Tolerance LogProbability = new(4e-6, 8);
    public static readonly Tolerance ValueStatistic = new(5e-6, 16);
    public static readonly Tolerance Rotary = new(1e-6, 4);
    public static readonly Tolerance GatedSilu = new(1e-7, 8);
    public static readonly Tolerance FlowScore = new(1e-9, 64);

    /// <summary>Not-a-number and the infinities must be where the reference has them.</summary>
    public void Check(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        var worstAt = -1;
        for (var i = 0; i < expected.Length; i++)
        {
            if ((double)(float)expected[i] == actual[i] || (double.IsNaN(expected[i]) && float.IsNaN(actual[i]))) continue;
            var share = Math.Abs(expected[i] - actual[i]) / (Absolute + Epsilons * Math.ScaleB(1, -23) * Math.Abs(expected[i]));
            if (double.IsNaN(share)) share = double.PositiveInfinity;
            if (share > worst) (worst, worstAt) = (share, i);
        }

        Assert.True(worst <= 1, worstAt < 0 ? what : $"{what}: entry {worstAt} is {actual[worstAt]:R}, expected {expected[worstAt]:R}, {worst:P0} of what is allowed");
    }
}
