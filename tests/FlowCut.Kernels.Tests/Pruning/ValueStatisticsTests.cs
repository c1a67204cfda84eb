using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

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

[Collection(DeviceCollection.Name)]
public class ValueStatisticsTests
{
    internal static IEnumerable<ValueStatisticsCase> Cases =>
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

    [Fact]
    public void Every_case_agrees_with_the_oracle()
    {
        foreach (var c in Cases) c.Check();
    }

    [Fact]
    public void The_oracle_agrees_with_values_worked_by_hand()
    {
        var (products, density, norms) = PruningOracle.ValueStatistics([[1, 2, 3, 4], [-1, 0, 5, 0]], [1, 1, 2, 0], 2);
        Assert.Equal([[3.0, -1.0], [6.0, 10.0]], products);
        Assert.Equal([2.0 + 3.0, 2.0 + 0.0], density);
        Assert.Equal([30.0, 26.0], norms);
    }

    [Fact]
    public void Heads_that_do_not_divide_the_columns_and_results_that_are_too_short_are_refused()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var good = new ValueStatisticsArguments
            {
                Values = bench.Matrix(null, 4, 12, ElementType.Float16),
                Heads = 3,
                Offsets = bench.Array(0, 4),
                Products = bench.Matrix(null, 3, 4, ElementType.Float32),
                Density = bench.Output<float>(4),
                SquaredNorms = bench.Output<float>(4),
            };
            foreach (var bad in new[] { good with { Heads = 5 }, good with { Heads = 0 }, good with { Heads = 4 }, good with { Density = bench.Output<float>(3) }, good with { SquaredNorms = default }, good with { Offsets = default }, good with { Means = bench.Matrix(null, 1, 11, ElementType.Float32) } })
                Assert.ThrowsAny<ArgumentException>(() => ValueStatistics.Launch(bench.Kernels, bad, bench.Stream));
        }
    }
}
