using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

internal sealed record MeanProbabilitiesCase(int Heads, int Columns, Layout Layout = default) : KernelCase
{
    private const float Weight = 0.3f;

    public override Prepared Prepare(Workbench bench)
    {
        float[] logs = Array.ConvertAll(Numbers.Normal(1, Heads * Columns), x => -MathF.Abs(x)), before = Numbers.Normal(2, Columns);
        if (Columns > 8) (logs[2], logs[3], logs[4]) = (float.NegativeInfinity, float.NaN, float.PositiveInfinity);
        var (x, sums) = (bench.Matrix(logs, Heads, Columns, ElementType.Float32, Layout), bench.Array(before));
        double[] expected = [.. Enumerable.Range(0, Columns).Select(j => before[j] + Weight * Enumerable.Range(0, Heads).Average(head => Math.Exp(logs[head * Columns + j])))];
        return new Prepared(
            () => MeanProbabilities.Launch(bench.Kernels, x, sums, Weight, bench.Stream),
            what => Tolerance.ElementWise.Check(expected, bench.Read(sums), ElementType.Float32, what),
            x.Bytes + 8L * Columns);
    }
}

/// <summary>Rows of 0 to <see cref="MaxSources"/> sources.</summary>
internal sealed record MixRowsCase(int SourceRows, int Rows, int Columns, int MaxSources, ElementType X, ElementType Y, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var values = Numbers.Stored(Numbers.Normal(1, SourceRows * Columns), X);
        if (values.Length > 8) (values[3], values[^2]) = (float.NaN, float.PositiveInfinity);
        var random = new Random(3);
        var counts = Enumerable.Range(0, Rows).Select(row => (row * 5 + MaxSources) % (MaxSources + 1)).ToArray();
        var ends = Enumerable.Range(1, Rows).Select(row => counts[..row].Sum()).ToArray();
        var sources = Enumerable.Range(0, counts.Sum()).Select(_ => random.Next(SourceRows)).ToArray();
        var weights = Array.ConvertAll(sources, _ => random.Next(5) == 0 ? -0.5f : random.NextSingle());
        DeviceMatrix x = bench.Matrix(values, SourceRows, Columns, X, Layout), y = bench.Matrix(null, Rows, Columns, Y, Layout);
        DeviceArray<int> dEnds = bench.Array(ends), dSources = bench.Array(sources);
        var dWeights = bench.Array(weights);
        return new Prepared(
            () => MixRows.Launch(bench.Kernels, x, dEnds, dSources, dWeights, y, bench.Stream),
            what => Tolerance.Mix.Check([.. Expected(values, ends, sources, weights)], bench.Read(y), Y, what),
            (long)sources.Length * Columns * X.Bytes() + y.Bytes);
    }

    private IEnumerable<double> Expected(float[] values, int[] ends, int[] sources, float[] weights)
    {
        for (var row = 0; row < Rows; row++)
        {
            for (var column = 0; column < Columns; column++)
            {
                var sum = 0.0;
                for (var s = row == 0 ? 0 : ends[row - 1]; s < ends[row]; s++) sum += (double)weights[s] * values[sources[s] * Columns + column];
                yield return sum;
            }
        }
    }
}

/// <summary>Head means of attention and mixtures of rows.</summary>
internal static class MergingTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16;

    public static IEnumerable<KernelCase> Cases =>
    [
        .. from heads in new[] { 1, 7, 8, 9, 32 } from columns in new[] { 0, 1, 63, 64, 65, 577 } select new MeanProbabilitiesCase(heads, columns),
        .. from layout in new[] { Layout.Strided, Layout.Misaligned } select new MeanProbabilitiesCase(16, 100, layout),
        .. from columns in new[] { 0, 1, 3, 8, 31, 32, 33, 1160 } select new MixRowsCase(20, 7, columns, 9, Single, Single),
        .. from rows in new[] { 0, 1, 64 } select new MixRowsCase(576, rows, 64, 20, Half, Single),
        .. from x in Enum.GetValues<ElementType>()
           from y in Enum.GetValues<ElementType>()
           from layout in new[] { Layout.Dense, Layout.Strided, Layout.Misaligned }
           select new MixRowsCase(9, 5, 520, 6, x, y, layout),
        new MixRowsCase(9, 5, 40, 0, Half, Half),
    ];
}
