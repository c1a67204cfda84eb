using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>Activations by their definitions, in double precision.</summary>
internal static class ActivationOracle
{
    public static double Apply(ActivationKind activation, double x) => activation switch
    {
        ActivationKind.QuickGelu => x * Sigmoid(1.702 * x),
        ActivationKind.Gelu => x / 2 * Erfc(-x / Math.Sqrt(2)),
        ActivationKind.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        ActivationKind.Silu => x * Sigmoid(x),
        _ => x,
    };

    /// <summary>The complementary error function: series of erf near 0, continued fraction beyond.</summary>
    public static double Erfc(double x)
    {
        if (double.IsNaN(x)) return x;
        if (x < 0) return 2 - Erfc(-x);
        if (x > 30) return 0;
        if (x < 2)
        {
            double term = x, sum = x;
            for (var n = 1; n < 80; n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }

            return 1 - 2 / Math.Sqrt(Math.PI) * sum;
        }

        var fraction = 0.0;
        for (var n = 120; n >= 1; n--) fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}

internal sealed record BiasActivationCase(int Rows, int Columns, ElementType X, ElementType Y, ActivationKind Activation, bool Bias = true, bool Residual = false, Layout Layout = default, bool InPlace = false) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var x = Numbers.Stored(Special(Numbers.Normal(1, Rows * Columns, 2)), X);
        var bias = Numbers.Stored(Numbers.Normal(2, Columns), Y);
        var residual = Numbers.Stored(Numbers.Normal(3, Rows * Columns), Y);
        var dx = bench.Matrix(x, Rows, Columns, X, Layout);
        DeviceMatrix? b = Bias ? bench.Matrix(bias, 1, Columns, Y, Layout) : null, r = Residual ? bench.Matrix(residual, Rows, Columns, Y, Layout) : null;
        var y = !InPlace ? bench.Matrix(null, Rows, Columns, Y, Layout) : r ?? dx;
        return new Prepared(
            () => BiasActivation.Launch(bench.Kernels, dx, b, r, y, Activation, bench.Stream),
            what => Tolerance.ElementWise.Check(
                [.. x.Select((v, i) => ActivationOracle.Apply(Activation, v + (Bias ? bias[i % Columns] : 0.0)) + (Residual ? residual[i] : 0.0))], bench.Read(y), Y, what),
            dx.Bytes + y.Bytes);
    }

    internal static float[] Special(float[] x)
    {
        if (x.Length >= 8) (x[0], x[1], x[2], x[3]) = (float.NaN, 0, -80, 80);
        return x;
    }
}

internal sealed record GatedActivationCase(int Rows, int Columns, ElementType Type, ActivationKind Activation, bool Halves, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var both = Numbers.Stored(BiasActivationCase.Special(Numbers.Normal(1, Rows * Columns * 2, 2)), Type);
        var matrix = bench.Matrix(both, Rows, 2 * Columns, Type, Layout);
        DeviceMatrix gate = matrix.SliceColumns(0, Columns), up = matrix.SliceColumns(Columns, Columns);
        var y = Halves ? gate : bench.Matrix(null, Rows, Columns, Type, Layout);
        return new Prepared(
            () => GatedActivation.Launch(bench.Kernels, gate, up, y, Activation, bench.Stream),
            what => Tolerance.ElementWise.Check(
                [.. both.Chunk(2 * Math.Max(Columns, 1)).SelectMany(row => Enumerable.Range(0, Columns).Select(c => ActivationOracle.Apply(Activation, row[c]) * row[Columns + c]))], bench.Read(y), Type, what),
            matrix.Bytes + y.Bytes);
    }
}

internal sealed record LayerScaleCase(int Rows, int Columns, ElementType X, ElementType Y, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        float[] x = Numbers.Stored(Numbers.Normal(1, Rows * Columns), X), y = Numbers.Stored(Numbers.Normal(2, Rows * Columns), Y), gamma = Numbers.Stored(Numbers.Normal(3, Columns), X);
        DeviceMatrix dx = bench.Matrix(x, Rows, Columns, X, Layout), dy = bench.Matrix(y, Rows, Columns, Y, Layout), dg = bench.Matrix(gamma, 1, Columns, X, Layout);
        return new Prepared(
            () => LayerScale.Launch(bench.Kernels, dy, dg, dx, bench.Stream),
            what => Tolerance.ElementWise.Check([.. x.Select((v, i) => v + (double)y[i] * gamma[i % Columns])], bench.Read(dx), X, what),
            2 * dx.Bytes + dy.Bytes);
    }
}

internal sealed record ConvertTypeCase(int Rows, int Columns, ElementType X, ElementType Y, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var x = Numbers.Stored([.. s_special, .. Numbers.Normal(1, Math.Max(Rows * Columns - s_special.Length, 0))], X)[..(Rows * Columns)];
        DeviceMatrix dx = bench.Matrix(x, Rows, Columns, X, Layout), dy = bench.Matrix(null, Rows, Columns, Y, Layout);
        return new Prepared(
            () => ConvertType.Launch(bench.Kernels, dx, dy, bench.Stream),
            what => Tolerance.Exact.Check([.. Numbers.Stored(x, Y).Select(v => (double)v)], bench.Read(dy), ElementType.Float32, what),
            dx.Bytes + dy.Bytes);
    }

    /// <summary>Ties between two fp16 or two bf16 numbers, the edge of fp16's range, subnormals, what is no number.</summary>
    private static readonly float[] s_special =
        [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 65504, 65519.99f, 65520, 1e30f, 6e-8f, 3e-8f, 2.9e-8f, -0f, 1 + 1 / 2048f, 1 + 3 / 2048f, 1 + 1 / 256f, 1 + 3 / 256f, 3.4e38f];
}

/// <summary>Activations, layer scale, conversion.</summary>
internal static class ElementWiseTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
    private static readonly int[] s_rows = [0, 1, 15, 16, 17, 63, 64, 65, 577, 2881];
    private static readonly ElementType[] s_types = [Single, Half, BFloat];

    public static IEnumerable<KernelCase> Cases =>
    [
        .. from rows in s_rows select new BiasActivationCase(rows, 40, Half, Half, ActivationKind.QuickGelu),
        .. from type in s_types from activation in Enum.GetValues<ActivationKind>() select new BiasActivationCase(5, 72, type, type, activation),
        .. from type in s_types from layout in new[] { Layout.Strided, Layout.Misaligned } select new BiasActivationCase(9, 1040, type, Single, ActivationKind.Gelu, Residual: true, Layout: layout),
        .. from columns in new[] { 0, 1, 3, 32, 33, 4100 } select new BiasActivationCase(3, columns, Single, Single, ActivationKind.GeluTanh, Bias: false),
        new BiasActivationCase(7, 264, Half, Half, ActivationKind.QuickGelu, InPlace: true),
        new BiasActivationCase(7, 264, Half, Half, ActivationKind.None, Residual: true, InPlace: true),
        .. from rows in s_rows select new GatedActivationCase(rows, 24, Half, ActivationKind.Silu, false),
        .. from type in s_types from halves in new[] { false, true } select new GatedActivationCase(5, 136, type, ActivationKind.Silu, halves, Layout.Strided),
        .. from activation in new[] { ActivationKind.Gelu, ActivationKind.GeluTanh } select new GatedActivationCase(5, 77, BFloat, activation, false, Layout.Misaligned),
        .. from type in s_types from layout in new[] { Layout.Dense, Layout.Strided, Layout.Misaligned } select new LayerScaleCase(17, 136, Single, type, layout),
        .. from rows in s_rows select new LayerScaleCase(rows, 8, Half, Half),
        .. from x in s_types from y in s_types from layout in new[] { Layout.Dense, Layout.Misaligned } select new ConvertTypeCase(3, 136, x, y, layout),
        .. from rows in s_rows select new ConvertTypeCase(rows, 1, Single, Half),
    ];
}
