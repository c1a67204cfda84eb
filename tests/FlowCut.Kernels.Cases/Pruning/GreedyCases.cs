using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

internal enum RowKind
{
    Normal,
    /// <summary>Multiples of a few unit vectors, and rows of zeros: cosines are 0 and 1 exactly, nearly everything ties.</summary>
    Axes,
    /// <summary>Normal, but one entry is NaN.</summary>
    NotANumber,
    /// <summary>Normal, but one entry is infinite.</summary>
    Infinite,
}

internal static class GreedyRows
{
    private const int AxesUsed = 5;

    public static float[] Make(RowKind kind, int rows, int columns, ElementType type)
    {
        var x = Numbers.Normal(rows + columns, rows * columns);
        if (kind == RowKind.Axes)
        {
            Array.Clear(x);
            for (var row = 0; row < rows; row++)
            {
                if (row % 7 != 3 && columns > 0) x[row * columns + row % Math.Min(AxesUsed, columns)] = 1 << (row % 3);
            }
        }

        if (kind == RowKind.NotANumber) x[rows / 2 * columns + columns - 1] = float.NaN;
        if (kind == RowKind.Infinite) x[rows / 2 * columns + columns - 1] = float.NegativeInfinity;
        return Numbers.Stored(x, type);
    }
}

/// <summary>
/// Each point is checked by its definition, given the points before it: it may fall behind the best by what rounding of fp32 explains,
/// and among rows of <see cref="RowKind.Axes"/>, whose cosines are exact, not even that.
/// </summary>
internal sealed record FarthestPointsCase(int Rows, int Count, int Columns, ElementType Type, RowKind Kind = RowKind.Normal, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var values = GreedyRows.Make(Kind, Rows, Columns, Type);
        var x = bench.Matrix(values, Rows, Columns, Type, Layout);
        var points = bench.Output<int>(Count);
        var scratch = bench.Output<long>(FarthestPoints.ScratchLength(Rows, Count));
        return new Prepared(
            () => FarthestPoints.Launch(bench.Kernels, x, points, scratch, bench.Stream),
            what => Compare(values, bench.Read(points), what),
            (Count + 1) * x.Bytes,
            (double)Rows * Rows * Columns);
    }

    private void Compare(float[] values, int[] points, string what)
    {
        if (Kind is RowKind.NotANumber or RowKind.Infinite)
        {
            Verify.Sequence(Enumerable.Repeat(-1, Count), points, what);
            return;
        }

        var distances = FarthestPointsOracle.Distances(values, Rows, Columns);
        for (var i = 0; i < Count; i++)
        {
            Verify.InRange(points[i], 0, Rows - 1, $"{what}: point {i}");
            var ranked = FarthestPointsOracle.Ranked(distances, points.AsSpan(0, i));
            if (Kind == RowKind.Axes) Verify.Equal(ranked[0].Row, points[i], $"{what}: point {i}");
            var value = ranked.Where(r => r.Row == points[i]).Select(r => r.Distance).FirstOrDefault(double.NaN);
            Verify.True(value >= ranked[0].Distance - 2e-6 || double.IsPositiveInfinity(value), $"{what}: point {i} is {points[i]} at {value:R}, row {ranked[0].Row} is at {ranked[0].Distance:R}");
        }
    }
}

internal static class FarthestPointsOracle
{
    public static double[,] Distances(float[] values, int rows, int columns)
    {
        var distances = new double[rows, rows];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++) distances[i, j] = 1 - PairwiseOracle.Cosine(values.AsSpan(i * columns, columns), values.AsSpan(j * columns, columns));
        }

        return distances;
    }

    /// <summary>The rows that are left, the next point first: by the nearest of the points so far, or of all others where there is none.</summary>
    public static (int Row, double Distance)[] Ranked(double[,] distances, ReadOnlySpan<int> points)
    {
        int[] chosen = [.. points], all = [.. Enumerable.Range(0, distances.GetLength(0))];
        return [.. all.Except(chosen)
            .Select(row => (Row: row, Distance: (chosen.Length > 0 ? chosen : all).Where(other => other != row).Select(other => distances[row, other]).DefaultIfEmpty(double.PositiveInfinity).Min()))
            .OrderByDescending(r => r.Distance).ThenBy(r => r.Row)];
    }
}

/// <summary>Checked as <see cref="FarthestPointsCase"/> is.</summary>
internal sealed record GreedyDeterminantCase(int Rows, int Count, int Columns, ElementType Type, RowKind Kind = RowKind.Normal, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var values = GreedyRows.Make(Kind, Rows, Columns, Type);
        // like a softened softmax; powers of two where everything is exact
        float[] relevance = Kind == RowKind.Axes ? [.. Enumerable.Range(0, Rows).Select(i => i % 4 == 1 ? 0.5f : 1)] : Array.ConvertAll(Numbers.Uniform(9, Rows, 0.5), r => r + 0.55f);
        if (Kind == RowKind.NotANumber) relevance[0] = float.NaN;
        if (Kind == RowKind.Infinite) relevance[0] = float.PositiveInfinity;
        var x = bench.Matrix(values, Rows, Columns, Type, Layout);
        var points = bench.Output<int>(Count);
        var r = bench.Array(relevance);
        var scratch = bench.Output<long>(GreedyDeterminant.ScratchLength(Rows, Count));
        return new Prepared(
            () => GreedyDeterminant.Launch(bench.Kernels, x, r, points, scratch, bench.Stream),
            what => Compare(values, relevance, bench.Read(points), what),
            (Count + 1) * x.Bytes,
            (double)Rows * Count * (2.0 * Columns + Count));
    }

    private void Compare(float[] values, float[] relevance, int[] points, string what)
    {
        var oracle = new GreedyDeterminantOracle(values, relevance, Columns);
        for (var i = 0; i < Count; i++)
        {
            var (best, gain) = oracle.Best();
            if (best < 0)
            {
                Verify.Sequence(Enumerable.Repeat(-1, Count - i), points[i..], $"{what}: from point {i} on");
                return;
            }

            Verify.InRange(points[i], 0, Rows - 1, $"{what}: point {i}");
            if (Kind == RowKind.Axes) Verify.Equal(best, points[i], $"{what}: point {i}");
            var value = oracle.Gain(points[i]);
            Verify.True(value >= gain - 1e-5 * oracle.LargestGain, $"{what}: point {i} is {points[i]} with a gain of {value:R}, row {best} has {gain:R}");
            oracle.Choose(points[i]);
        }
    }
}

/// <summary>Gains of determinants by Cholesky's elimination of the whole matrix, in double precision.</summary>
internal sealed class GreedyDeterminantOracle
{
    private readonly double[,] _rest;
    private readonly HashSet<int> _chosen = [];

    public GreedyDeterminantOracle(float[] values, float[] relevance, int columns)
    {
        var rows = relevance.Length;
        _rest = new double[rows, rows];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++)
                _rest[i, j] = relevance[i] * PairwiseOracle.Cosine(values.AsSpan(i * columns, columns), values.AsSpan(j * columns, columns)) * relevance[j];
        }

        LargestGain = Enumerable.Range(0, rows).Select(Gain).Where(double.IsFinite).DefaultIfEmpty(0).Max();
    }

    /// <summary>Of the first choice.</summary>
    public double LargestGain { get; }

    public double Gain(int row) => _chosen.Contains(row) ? double.NegativeInfinity : _rest[row, row];

    /// <summary>The row with the largest gain that is positive and finite, the lowest on ties; −1: none.</summary>
    public (int Row, double Gain) Best()
    {
        var best = (Row: -1, Gain: 0.0);
        for (var row = 0; row < _rest.GetLength(0); row++)
        {
            if (Gain(row) > best.Gain && double.IsFinite(Gain(row))) best = (row, Gain(row));
        }

        return best;
    }

    public void Choose(int row)
    {
        _chosen.Add(row);
        var n = _rest.GetLength(0);
        var before = (double[,])_rest.Clone();
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++) _rest[i, j] -= before[i, row] * before[row, j] / before[row, row];
        }
    }
}

/// <summary>Greedy choices of rows.</summary>
internal static class GreedyTable
{
    private static readonly ElementType[] s_types = Enum.GetValues<ElementType>();

    public static IEnumerable<KernelCase> FarthestPoints =>
    [
        .. from size in new (int Rows, int Count)[] { (0, 0), (1, 0), (1, 1), (2, 2), (31, 5), (32, 32), (33, 9), (97, 16) } from kind in new[] { RowKind.Normal, RowKind.Axes }
           select new FarthestPointsCase(size.Rows, size.Count, 40, ElementType.Float32, kind),
        .. from columns in new[] { 1, 3, 8, 520, 1160 } from type in s_types select new FarthestPointsCase(20, 8, columns, type),
        .. from type in s_types from layout in new[] { Layout.Strided, Layout.Misaligned } select new FarthestPointsCase(40, 12, 136, type, RowKind.Normal, layout),
        .. from kind in new[] { RowKind.NotANumber, RowKind.Infinite } select new FarthestPointsCase(40, 3, 33, ElementType.Float16, kind),
    ];

    public static IEnumerable<KernelCase> GreedyDeterminant =>
    [
        .. from size in new (int Rows, int Count)[] { (0, 0), (1, 0), (1, 1), (2, 2), (31, 5), (32, 32), (33, 9), (97, 40) } from kind in new[] { RowKind.Normal, RowKind.Axes }
           select new GreedyDeterminantCase(size.Rows, size.Count, 64, ElementType.Float32, kind),
        .. from columns in new[] { 8, 9, 520, 1160 } from type in s_types select new GreedyDeterminantCase(20, 7, columns, type),
        .. from type in s_types from layout in new[] { Layout.Strided, Layout.Misaligned } select new GreedyDeterminantCase(40, 12, 136, type, RowKind.Normal, layout),
        .. from kind in new[] { RowKind.NotANumber, RowKind.Infinite } select new GreedyDeterminantCase(40, 6, 33, ElementType.Float16, kind),
    ];
}
