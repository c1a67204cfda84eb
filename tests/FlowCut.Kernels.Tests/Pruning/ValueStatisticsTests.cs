using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

[Collection(DeviceCollection.Name)]
public class ValueStatisticsTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => ValueStatisticsTable.Cases.CheckOnEachDevice();

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
