namespace FlowCut.Models.Imaging;

/// <summary>
/// Pillow's bicubic weights along one axis, in its fixed point: output i is Σ weight·input over <see cref="Count"/> inputs
/// from <see cref="First"/>, rounded by half of 2^22.
/// </summary>
internal sealed class ResampleWeights
{
    /// <summary>Fractional bits of a weight.</summary>
    public const int Bits = 22;

    private const double Support = 2;
    private readonly int[] _first, _count, _weights;
    private readonly int _stride;

    /// <param name="inputs">Size before.</param>
    /// <param name="outputs">Size after.</param>
    public ResampleWeights(int inputs, int outputs)
    {
        var scale = (double)inputs / outputs;
        var filterScale = Math.Max(scale, 1);
        var support = Support * filterScale;
        _stride = (int)Math.Ceiling(support) * 2 + 1;
        _first = new int[outputs];
        _count = new int[outputs];
        _weights = new int[checked(outputs * _stride)];
        var exact = new double[_stride];
        for (var i = 0; i < outputs; i++)
        {
            var center = (i + 0.5) * scale;
            var low = Math.Max((int)(center - support + 0.5), 0);
            var high = Math.Min((int)(center + support + 0.5), inputs);
            var sum = 0.0;
            for (var j = 0; j < high - low; j++)
            {
                exact[j] = Bicubic((j + low - center + 0.5) * (1 / filterScale));
                sum += exact[j];
            }

            for (var j = 0; j < high - low; j++)
            {
                var weight = sum != 0 ? exact[j] / sum : exact[j];
                _weights[i * _stride + j] = (int)((weight < 0 ? -0.5 : 0.5) + weight * (1 << Bits));
            }

            (_first[i], _count[i]) = (low, high - low);
        }
    }

    public int First(int output) => _first[output];

    public int Count(int output) => _count[output];

    public ReadOnlySpan<int> Of(int output) => _weights.AsSpan(output * _stride, _count[output]);

    /// <summary>Keys' cubic with a = −0.5.</summary>
    private static double Bicubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }
}
