using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

/// <summary>Measures of two rows by their definitions.</summary>
internal static class PairwiseOracle
{
    public static double Measure(PairMeasure measure, ReadOnlySpan<float> a, ReadOnlySpan<float> b) => measure switch
    {
        PairMeasure.Product => Product(a, b),
        PairMeasure.Cosine => Cosine(a, b),
        _ => SquaredDistance(a, b),
    };

    public static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var norms = Math.Sqrt(Product(a, a)) * Math.Sqrt(Product(b, b));
        return norms == 0 ? 0 : Product(a, b) / norms;
    }

    private static double Product(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }

    private static double SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return sum;
    }
}

internal sealed record PairwiseCase(PairMeasure Measure, int XRows, int YRows, int Columns, ElementType X, ElementType Y, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        float[] x = Numbers.Stored(Numbers.Normal(1, XRows * Columns), X), y = Numbers.Stored(Numbers.Normal(2, YRows * Columns), Y);
        if (XRows > 4 && YRows > 4 && Columns > 2)
        {
            x.AsSpan(Columns, Columns).Clear();
            (x[2 * Columns + 1], x[3 * Columns + 2]) = (float.NaN, float.PositiveInfinity);
            y.AsSpan(2 * Columns, Columns).Clear();
            // a pair of equal rows, and one of rows that are nearly equal
            x.AsSpan(0, Columns).CopyTo(y.AsSpan(0, Columns));
            if (X == Y) x.AsSpan(4 * Columns, Columns).CopyTo(y.AsSpan(4 * Columns, Columns));
            y = Numbers.Stored(y, Y);
        }

        DeviceMatrix dx = bench.Matrix(x, XRows, Columns, X, Layout), dy = bench.Matrix(y, YRows, Columns, Y, Layout);
        var result = bench.Matrix(null, XRows, YRows, ElementType.Float32, Layout);
        return new Prepared(
            () => Pairwise.Launch(bench.Kernels, Measure, dx, dy, result, bench.Stream),
            what => (Measure == PairMeasure.Cosine ? Tolerance.Cosine : Tolerance.Pair).Check([.. Expected(x, y)], bench.Read(result), ElementType.Float32, what),
            dx.Bytes + dy.Bytes + result.Bytes,
            2.0 * XRows * YRows * Columns);
    }

    private IEnumerable<double> Expected(float[] x, float[] y)
    {
        for (var i = 0; i < XRows; i++)
        {
            for (var j = 0; j < YRows; j++) yield return PairwiseOracle.Measure(Measure, x.AsSpan(i * Columns, Columns), y.AsSpan(j * Columns, Columns));
        }
    }
}

/// <summary>Measures of pairs, in both tiles: the simulator counts as many multiprocessors as a small GPU.</summary>
internal static class PairwiseTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
    private static readonly PairMeasure[] s_measures = Enum.GetValues<PairMeasure>();

    public static IEnumerable<KernelCase> Cases =>
    [
        .. from size in new (int X, int Y)[] { (0, 3), (3, 0), (1, 1), (15, 16), (17, 33), (31, 64), (65, 9) }
           from measure in s_measures
           select new PairwiseCase(measure, size.X, size.Y, 72, Single, Single),
        .. from columns in new[] { 0, 1, 5, 63, 64, 65, 127, 128, 132, 260, 1031 } from measure in s_measures select new PairwiseCase(measure, 18, 7, columns, Single, Single),
        .. from columns in new[] { 8, 136, 520 } from type in new[] { Half, BFloat } from measure in s_measures select new PairwiseCase(measure, 18, 7, columns, type, type),
        .. from x in new[] { Single, Half, BFloat }
           from y in new[] { Single, Half, BFloat }
           from layout in new[] { Layout.Strided, Layout.Misaligned }
           select new PairwiseCase(PairMeasure.Cosine, 20, 19, 80, x, y, layout),
        .. from type in new[] { Single, Half } from layout in new[] { Layout.Dense, Layout.Strided, Layout.Misaligned } select new PairwiseCase(PairMeasure.SquaredDistance, 20, 19, 80, type, type, layout),
        // more than 132 tiles of 32 × 32
        .. from measure in s_measures select new PairwiseCase(measure, 389, 391, 68, Single, Single),
        .. from type in new[] { Half, BFloat } select new PairwiseCase(PairMeasure.Cosine, 389, 391, 72, type, type),
        new PairwiseCase(PairMeasure.Cosine, 389, 391, 67, Single, Half, Layout.Misaligned),
    ];
}
