using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>Layer norm and RMS norm by their definitions, in double precision, one row at a time.</summary>
internal static class NormOracle
{
    public static double[] LayerNorm(double[] x, double[] weight, double[] bias, double epsilon)
    {
        var mean = x.Sum() / x.Length;
        var variance = x.Sum(v => (v - mean) * (v - mean)) / x.Length;
        return [.. x.Select((v, i) => (v - mean) / Math.Sqrt(variance + epsilon) * weight[i] + bias[i])];
    }

    public static double[] RmsNorm(double[] x, double[] weight, double epsilon)
    {
        var meanSquare = x.Sum(v => v * v) / x.Length;
        return [.. x.Select((v, i) => v / Math.Sqrt(meanSquare + epsilon) * weight[i])];
    }
}

internal sealed record NormCase(bool Centred, int Rows, int Columns, ElementType X, ElementType? Residual = null, ElementType Weight = ElementType.Float32, Layout Layout = default, bool InPlace = false) : KernelCase
{
    private const float Epsilon = 1e-5f;

    /// <summary>Results are stored as the residual is, or as x.</summary>
    private ElementType Y => Residual ?? X;

    public override Prepared Prepare(Workbench bench)
    {
        var x = Numbers.Stored(Rows > 2 && Columns > 0 ? With(Numbers.Normal(1, Rows * Columns, 3)) : Numbers.Normal(1, Rows * Columns, 3), X);
        var weight = Numbers.Stored(Numbers.Normal(2, Columns), Weight);
        var bias = Numbers.Stored(Numbers.Normal(3, Columns), Weight);
        var residual = Residual is { } type ? Numbers.Stored(Numbers.Normal(4, Rows * Columns), type) : null;
        var dx = bench.Matrix(x, Rows, Columns, X, Layout);
        DeviceMatrix w = bench.Matrix(weight, 1, Columns, Weight, Layout), b = bench.Matrix(bias, 1, Columns, Weight, Layout);
        var r = residual is null ? default : bench.Matrix(residual, Rows, Columns, Residual!.Value, Layout);
        var y = InPlace ? dx : bench.Matrix(null, Rows, Columns, Y, Layout);
        return new Prepared(
            () => Launch(bench, dx, r, w, b, y),
            what =>
            {
                var sum = residual is null ? x : Numbers.Stored([.. x.Zip(residual, (a, c) => a + c)], X);
                if (residual is not null) Tolerance.Exact.Check(Doubles(sum), bench.Read(dx), X, what + ", x");
                var expected = Doubles(sum).Chunk(Math.Max(Columns, 1)).SelectMany(row => Centred ? NormOracle.LayerNorm(row, Doubles(weight), Doubles(bias), Epsilon) : NormOracle.RmsNorm(row, Doubles(weight), Epsilon)).ToArray();
                Tolerance.Norm.Check(expected, bench.Read(y), Y, what);
            },
            2 * dx.Bytes);
    }

    private void Launch(Workbench bench, DeviceMatrix x, DeviceMatrix r, DeviceMatrix w, DeviceMatrix b, DeviceMatrix y)
    {
        if (Residual is null && Centred) LayerNorm.Launch(bench.Kernels, x, w, b, y, Epsilon, bench.Stream);
        else if (Residual is null) RmsNorm.Launch(bench.Kernels, x, w, y, Epsilon, bench.Stream);
        else if (Centred) LayerNorm.LaunchWithResidual(bench.Kernels, r, w, b, x, y, Epsilon, bench.Stream);
        else RmsNorm.LaunchWithResidual(bench.Kernels, r, w, x, y, Epsilon, bench.Stream);
    }

    /// <summary>One constant row, one with a NaN.</summary>
    private float[] With(float[] x)
    {
        x.AsSpan(Columns, Columns).Fill(2);
        x[2 * Columns + Columns / 2] = float.NaN;
        return x;
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}

/// <summary>Both norms.</summary>
internal static class NormTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    public static IEnumerable<NormCase> Cases
    {
        get
        {
            foreach (var centred in new[] { true, false })
            {
                foreach (var rows in new[] { 0, 1, 15, 16, 17, 63, 64, 65, 577, 2881 }) yield return new NormCase(centred, rows, 64, Half, Weight: Half);
                foreach (var columns in new[] { 0, 1, 7, 512, 520, 1024, 2056, 4096, 8200 }) yield return new NormCase(centred, 3, columns, Single);
                foreach (var type in new[] { Single, Half, BFloat })
                {
                    yield return new NormCase(centred, 5, 1024, type, type);
                    yield return new NormCase(centred, 5, 1024, Single, type);
                    yield return new NormCase(centred, 5, 136, type, type, type, Layout.Strided);
                    yield return new NormCase(centred, 5, 77, Single, type, Single, Layout.Misaligned);
                    yield return new NormCase(centred, 5, 1000, type, null, Single, Layout.Misaligned, InPlace: true);
                }

                yield return new NormCase(centred, 2, 16384, Half, Half);
            }
        }
    }
}
