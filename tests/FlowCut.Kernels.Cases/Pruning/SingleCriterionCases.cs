using FlowCut.Kernels.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Kernels.Cases;

internal sealed record EntropyCase(int Rows, int Columns, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var weights = Array.ConvertAll(Numbers.Normal(1, Rows * Columns), x => MathF.Exp(x) * 1e-6f);
        for (var row = 0; row < Rows && Columns > 8; row++)
        {
            var x = weights.AsSpan(row * Columns, Columns);
            if (row % 5 == 1) x.Fill(0.2f);
            if (row % 5 == 2) (x[4], x[5]) = (float.NaN, 1);
            if (row % 5 == 3) x.Clear();
            // all but two underflow
            if (row % 5 == 4) x.Fill(1e-42f);
            if (row % 5 == 4) x[3] = x[6] = 1;
        }

        var matrix = bench.Matrix(weights, Rows, Columns, ElementType.Float32, Layout);
        var ratios = bench.Output<float>(Rows);
        return new Prepared(
            () => Entropy.Launch(bench.Kernels, matrix, ratios, bench.Stream),
            what => Tolerance.EntropyRatio.Check([.. Enumerable.Range(0, Rows).Select(row => Expected(weights.AsSpan(row * Columns, Columns).ToArray()))], bench.Read(ratios), ElementType.Float32, what),
            matrix.Bytes);
    }

    private static double Expected(float[] row) => row.Any(float.IsNaN) ? double.NaN : FlowReference.EntropyRatio(Array.ConvertAll(row, x => (double)x));
}

internal sealed record CumulativeCase(int Length, float? Weight) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        float[] score = Numbers.Normal(1, Length), before = Numbers.Normal(2, Length);
        if (Length > 3) (score[1], before[2]) = (float.NaN, float.PositiveInfinity);
        var (i, s) = (bench.Array(score), bench.Array(before));
        return new Prepared(
            () => Cumulative.Launch(bench.Kernels, i, s, Weight, bench.Stream),
            what => Tolerance.ElementWise.Check(FlowReference.Accumulate(Weight is null ? null : Array.ConvertAll(before, x => (double)x), Array.ConvertAll(score, x => (double)x), Weight ?? 1), bench.Read(s), ElementType.Float32, what),
            12L * Length);
    }
}

internal sealed record GatherRowsCase(int SourceRows, int Rows, int Columns, ElementType Type, int? Count = null, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var values = Numbers.Stored(Numbers.Normal(1, SourceRows * Columns), Type);
        var random = new Random(2);
        var rows = Enumerable.Range(0, Rows).Select(_ => random.Next(SourceRows)).ToArray();
        DeviceMatrix x = bench.Matrix(values, SourceRows, Columns, Type, Layout), y = bench.Matrix(null, Rows, Columns, Type, Layout);
        DeviceArray<int> numbers = bench.Array(rows), count = Count is { } c ? bench.Array(c) : default;
        var untouched = bench.Read(y);
        return new Prepared(
            () => GatherRows.Launch(bench.Kernels, x, numbers, count, y, bench.Stream),
            what => Verify.True(Enumerable.Range(0, Rows * Columns).Select(i => i / Columns < (Count ?? Rows) ? values[rows[i / Columns] * Columns + i % Columns] : untouched[i]).SequenceEqual(bench.Read(y)), what),
            2 * y.Bytes);
    }
}

internal sealed record GatherValuesCase(int Rows) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        long[] values = [.. Enumerable.Range(0, 900).Select(i => i * 1_000_000_007L)];
        var rows = Enumerable.Range(0, Rows).Select(i => i * 7 % 900).ToArray();
        var (x, numbers, y) = (bench.Array(values), bench.Array(rows), bench.Output<long>(Rows));
        return new Prepared(() => GatherRows.Launch(bench.Kernels, x, numbers, default, y, bench.Stream), what => Verify.Sequence(rows.Select(r => values[r]), bench.Read(y), what));
    }
}

/// <summary>Entropy, cumulative score and gathers.</summary>
internal static class SingleCriterionTable
{
    public static IEnumerable<KernelCase> Cases =>
    [
        .. from columns in new[] { 0, 1, 2, 15, 16, 17, 63, 64, 65, 577, 2881 } select new EntropyCase(5, columns),
        new EntropyCase(0, 7),
        new EntropyCase(6, 77, Layout.Misaligned),
        .. from length in new[] { 0, 1, 255, 256, 577 } from weight in new float?[] { null, 0, 0.5f, 0.75f, 1 } select new CumulativeCase(length, weight),
        .. from rows in new[] { 0, 1, 15, 16, 17, 63, 64, 65, 577, 2881 } select new GatherRowsCase(600, rows, 64, ElementType.Float16),
        .. from type in Enum.GetValues<ElementType>() from layout in new[] { Layout.Dense, Layout.Strided, Layout.Misaligned } from columns in new[] { 1, 3, 4, 1160 } select new GatherRowsCase(9, 7, columns, type, null, layout),
        .. from count in new[] { 0, 3, 7 } select new GatherRowsCase(9, 7, 32, ElementType.Float16, count),
        .. from rows in new[] { 1, 64, 577 } select new GatherValuesCase(rows),
    ];
}
