using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends.Linear;

/// <summary>
/// activation(x·Wᵀ + bias) + residual in double precision, and how far a computation in fp32 may be from it, worked out
/// from the number of additions and not from what the implementation happens to reach.
/// </summary>
internal sealed class LinearOracle
{
    /// <summary>u: the largest relative error of one fp32 operation.</summary>
    private const double Roundoff = 1.0 / (1 << 24);

    /// <summary>The steepest slope of both activations (1.0998 for x·σ(1.702·x), 1.1289 for x·Φ(x)).</summary>
    private const double SteepestSlope = 1.13;

    private readonly int _rows, _columns;
    private readonly double[] _expected, _allowed;

    public LinearOracle(float[] x, float[] weight, int rows, int columns, int depth, float[]? bias, Activation activation, float[]? residual)
    {
        (_rows, _columns) = (rows, columns);
        _expected = new double[rows * columns];
        _allowed = new double[rows * columns];
        for (var i = 0; i < _expected.Length; i++)
        {
            double sum = bias?[i % columns] ?? 0, magnitude = Math.Abs(sum);
            for (var k = 0; k < depth; k++)
            {
                var product = (double)x[i / columns * depth + k] * weight[i % columns * depth + k];
                sum += product;
                magnitude += Math.Abs(product);
            }

            // Higham's bound for a sum of depth products and a bias in any order, fused or not: γ(n)·Σ|terms|, γ(n) = n·u/(1 − n·u)
            var operations = (depth + 2) * Roundoff;
            var error = operations / (1 - operations) * magnitude;
            var (value, relative) = Activate(sum, activation);
            if (activation != Activation.None) error = SteepestSlope * error + relative * Math.Abs(value);
            if (residual is not null) value += residual[i];
            _expected[i] = value;
            _allowed[i] = error + Roundoff * (Math.Abs(value) + error) + float.Epsilon;
        }
    }

    public void Check(ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(_expected.Length, actual.Length);
        for (var i = 0; i < actual.Length; i++)
        {
            var difference = Math.Abs(actual[i] - _expected[i]);
            if (!(difference <= _allowed[i]))
                Assert.Fail($"{what}: y[{i / _columns}, {i % _columns}] of [{_rows}, {_columns}] is {actual[i]:R}, expected {_expected[i]:R} ± {_allowed[i]:G3}");
        }
    }

    /// <summary>The function, and the relative error that its own evaluation in fp32 may add.</summary>
    private static (double Value, double Relative) Activate(double x, Activation activation) => activation switch
    {
        // the exponent's rounding grows with the exponent; a few more roundings are the exponential's, the sum's, the division's
        Activation.QuickGelu => (x / (1 + Math.Exp(-1.702 * x)), (2 * 1.702 * Math.Abs(x) + 8) * Roundoff),
        // 3e-7 is what the rational approximation promises; its exponent is x²/2
        Activation.Gelu => (0.5 * x * ErrorFunctionComplement(-x / Math.Sqrt(2)), 3e-7 + (2 * x * x + 8) * Roundoff),
        Activation.GeluTanh => (x / (1 + Math.Exp(-2 * TanhArgument(x))), (4 * Math.Abs(TanhArgument(x)) + 10) * Roundoff),
        _ => (x, 0),
    };

    private static double TanhArgument(double x) => Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);

    /// <summary>erfc: the series of erf near 0, the continued fraction of erfc farther out.</summary>
    private static double ErrorFunctionComplement(double z)
    {
        if (z < 0) return 2 - ErrorFunctionComplement(-z);
        if (z < 2.5)
        {
            double term = z, sum = z;
            for (var n = 1; n < 100; n++)
            {
                term *= -z * z / n;
                sum += term / (2 * n + 1);
            }

            return 1 - 2 / Math.Sqrt(Math.PI) * sum;
        }

        var fraction = z;
        for (var n = 200; n > 0; n--) fraction = z + n / 2.0 / fraction;
        return Math.Exp(-z * z) / Math.Sqrt(Math.PI) / fraction;
    }
}
