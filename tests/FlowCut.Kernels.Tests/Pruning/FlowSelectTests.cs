using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

[Collection(DeviceCollection.Name)]
public class FlowSelectTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => SelectTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_oracle_rounds_half_to_even_shares_the_largest_drop_and_spares_who_is_at_the_target()
    {
        // (9 − 4)/√1·(1 − 0.25/2…): h² = 0.5, so 2.5 rounds to 2; h² = 0.3 gives 3.5, which rounds to 4
        var half = (float)Math.Sqrt(0.5);
        Assert.Equal([6], PruningOracle.Counts([8], [half], 4, 1, false));
        Assert.Equal([10, 4], PruningOracle.Counts([10, 4], [1, 0], 4, 1, false));
        Assert.Equal([6, 4], PruningOracle.Counts([10, 8], [1, 0], 4, 1, true));
        Assert.Equal([8], PruningOracle.Counts([8], [float.NaN], 4, 1, false));
    }

    [Fact]
    public void Arguments_that_make_no_sense_are_refused()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var good = new FlowSelectArguments { Cumulative = bench.Output<float>(9), Offsets = bench.Array(0, 9), MaxPatches = 9, Rows = bench.Output<int>(9), NewOffsets = bench.Output<int>(2), KeepAll = 3 };
            var adaptive = good with { EntropyRatios = bench.Array(0.5f), Remaining = 2, Target = 3 };
            FlowSelectArguments[] bad =
            [
                good with { Rows = bench.Output<int>(8) }, good with { NewOffsets = bench.Output<int>(1) }, good with { Offsets = default }, good with { KeepAll = -1 }, good with { MaxPatches = 16385 },
                good with { Mapped = bench.Output<uint>(1) }, good with { NewCumulative = bench.Output<float>(8) }, adaptive with { Remaining = 0 }, adaptive with { Target = -1 }, adaptive with { Keep = bench.Array(3) },
            ];
            foreach (var arguments in bad) Assert.ThrowsAny<ArgumentException>(() => FlowSelect.Launch(bench.Kernels, arguments, bench.Stream));
            Assert.ThrowsAny<ArgumentException>(() => SelectTop.Launch(bench.Kernels, bench.Matrix(null, 1, 5, ElementType.Float32), bench.Output<int>(6), default, 1, 6, 0, bench.Stream));
            Assert.ThrowsAny<ArgumentException>(() => SelectTop.Launch(bench.Kernels, bench.Matrix(null, 1, 5, ElementType.Float32), bench.Output<int>(6), default, 2, 2, 0, bench.Stream));
            Assert.ThrowsAny<ArgumentException>(() => SelectTop.Launch(bench.Kernels, bench.Matrix(null, 1, 5, ElementType.Float16), bench.Output<int>(6), default, 1, 2, 0, bench.Stream));
        }
    }
}
