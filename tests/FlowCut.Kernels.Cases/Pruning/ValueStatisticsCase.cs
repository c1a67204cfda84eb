using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

internal sealed record ValueStatisticsCase(string Lengths, int Heads, int HeadSize, ElementType Type, bool Given, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var offsets = Sequences.Offsets(Lengths);
        int rows = offsets[^1], columns = Heads * HeadSize, sequences = offsets.Length - 1;
        var values = Numbers.Stored(Numbers.Normal(1, rows * columns), Type);
        if (rows > 3) values.AsSpan(2 * columns, columns).Clear();
        var means = Numbers.Normal(2, sequences * columns);
        var arguments = new ValueStatisticsArguments
        {
            Values = bench.Matrix(values, rows, columns, Type, Layout),
            Heads = Heads,
            Offsets = bench.Array(offsets),
            Means = Given ? bench.Matrix(means, sequences, columns, ElementType.Float32, Layout with { Gap = 0 }) : null,
            Products = bench.Matrix(null, Heads, rows, ElementType.Float32, Layout),
            Density = bench.Output<float>(rows),
            SquaredNorms = bench.Output<float>(rows),
            GlobalSquaredNorms = bench.Output<float>(sequences),
        };
        return new Prepared(
            () => ValueStatistics.Launch(bench.Kernels, arguments, bench.Stream),
            what => Compare(bench, arguments, offsets, values, means, what),
            arguments.Values.Bytes);
    }

    private void Compare(Workbench bench, ValueStatisticsArguments arguments, int[] offsets, float[] values, float[] means, string what)
    {
        var (columns, rows) = (Heads * HeadSize, offsets[^1]);
        float[] products = bench.Read(arguments.Products), density = bench.Read(arguments.Density), norms = bench.Read(arguments.SquaredNorms), globalNorms = bench.Read(arguments.GlobalSquaredNorms);
        double[] Row(float[] from, int row) => [.. from.AsSpan(row * columns, columns).ToArray().Select(x => (double)x)];
        for (var s = 0; s + 1 < offsets.Length; s++)
        {
            var (start, end) = (offsets[s], offsets[s + 1]);
            if (start == end) continue;
            var global = Given ? Row(means, s) : Row(values, start);
            var expected = PruningOracle.ValueStatistics([.. Enumerable.Range(start, end - start).Select(r => Row(values, r))], global, Heads);
            for (var head = 0; head < Heads; head++)
                Tolerance.ValueStatistic.Check(expected.Products[head], products.AsSpan(head * rows + start, end - start), ElementType.Float32, $"{what}, products of head {head}, sequence {s}");
            Tolerance.ValueStatistic.Check(expected.Density, density.AsSpan(start, end - start), ElementType.Float32, $"{what}, density, sequence {s}");
            Tolerance.ValueStatistic.Check(expected.SquaredNorms, norms.AsSpan(start, end - start), ElementType.Float32, $"{what}, squared norms, sequence {s}");
            Tolerance.ValueStatistic.Check([global.Sum(x => x * x)], globalNorms.AsSpan(s, 1), ElementType.Float32, $"{what}, global norm, sequence {s}");
        }
    }
}

/// <summary>Sequences written as lengths: "3 0 65".</summary>
internal static class Sequences
{
    public static int[] Offsets(string lengths)
    {
        var offsets = new List<int> { 0 };
        foreach (var length in lengths.Split(' ', StringSplitOptions.RemoveEmptyEntries)) offsets.Add(offsets[^1] + int.Parse(length, System.Globalization.CultureInfo.InvariantCulture));
        return [.. offsets];
    }
}

/// <summary>Value statistics.</summary>
internal static class ValueStatisticsTable
{
    public static IEnumerable<ValueStatisticsCase> Cases =>
    [
        .. from length in new[] { "", "0", "1", "15", "16", "17", "63", "64", "65", "577" } select new ValueStatisticsCase(length, 2, 64, ElementType.Float16, false),
        new ValueStatisticsCase("2881", 1, 8, ElementType.Float16, false),
        .. from size in new[] { 1, 16, 64, 80, 96, 128, 200 }
           from type in Enum.GetValues<ElementType>()
           from given in new[] { false, true }
           select new ValueStatisticsCase("9 0 1 20", 5, size, type, given),
        new ValueStatisticsCase("9 0 1 20", 16, 64, ElementType.Float16, false, Layout.Strided),
        new ValueStatisticsCase("9 7", 3, 80, ElementType.Float16, false, Layout.Misaligned),
        new ValueStatisticsCase("9 7", 3, 64, ElementType.BFloat16, true, Layout.Misaligned),
        new ValueStatisticsCase(string.Join(' ', Enumerable.Repeat("2", 70)), 2, 8, ElementType.Float32, false),
    ];
}
