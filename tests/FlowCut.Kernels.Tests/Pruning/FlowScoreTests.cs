using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

[Collection(DeviceCollection.Name)]
public class FlowScoreTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => FlowScoreTable.Cases.CheckOnEachDevice();

    [Fact]
    public void Nothing_attended_to_counts_nothing_and_not_a_number_shows()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            float nan = float.NaN, none = float.NegativeInfinity, inf = float.PositiveInfinity;
            // nothing attended to: the score is the semantic part alone, and sums to 1
            var (scores, h) = Run(bench, [none, none, none, none], [0, 1, 2, 3]);
            Assert.Equal(0, h);
            Assert.Equal(1, scores[1..].Sum(), 1e-5);
            // nothing similar either
            Assert.All(Run(bench, [none, none, none, none], [inf, 1, 2, 3]).Scores, x => Assert.Equal(0, x));
            // a NaN or an infinity among the patches of a criterion that is used
            Assert.True(float.IsNaN(Run(bench, [0, -1, nan, -2], [0, 1, 2, 3]).EntropyRatio));
            Assert.True(float.IsNaN(Run(bench, [0, -1, inf, -2], [0, 1, 2, 3]).EntropyRatio));
            Assert.True(float.IsNaN(Run(bench, [0, -1, -1, -2], [0, 1, nan, 3]).EntropyRatio));
            Assert.True(float.IsNaN(Run(bench, [0, -1, -1, -2], [nan, 1, 2, 3]).EntropyRatio));
            Assert.All(Run(bench, [0, -1, -1, -2], [nan, 1, 2, 3]).Scores[1..], x => Assert.True(float.IsNaN(x)));
            // of one that is not, or of CLS's attention to itself, it does not matter
            Assert.False(float.IsNaN(Run(bench, [0, -1, -1, -2], [0, 1, nan, 3], FlowCriteria.Attention).EntropyRatio));
            Assert.False(float.IsNaN(Run(bench, [nan, -1, -1, -2], [0, 1, 2, 3]).EntropyRatio));
        }
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var good = Arguments(bench, [0, 1, 2, 3], [0, 1, 2, 3], FlowCriteria.All);
            FlowScoreArguments[] bad =
            [
                good with { Criteria = FlowCriteria.None }, good with { Criteria = (FlowCriteria)8 }, good with { EmaWeight = 1.5f }, good with { EmaWeight = float.NaN },
                good with { HasClass = false }, good with { MaxPatches = 16385 }, good with { Semantic = (FlowSemantic)3 }, good with { Semantic = FlowSemantic.SoftmaxOverPatches },
                good with { Density = default }, good with { Cumulative = bench.Output<float>(3) }, good with { Mapped = bench.Output<uint>(1) }, good with { Semantic = FlowSemantic.Cosine },
                good with { LogProbabilities = bench.Matrix(null, 129, 4, ElementType.Float32) }, good with { Products = bench.Matrix(null, 1, 3, ElementType.Float32) },
            ];
            foreach (var arguments in bad) Assert.ThrowsAny<ArgumentException>(() => FlowScore.Launch(bench.Kernels, arguments, bench.Stream));
        }
    }

    [Fact]
    public void The_oracle_agrees_with_a_row_worked_by_hand()
    {
        // exponentials 3 (CLS), 2 and 6
        double[][] rows = [[Math.Log(3), Math.Log(2), Math.Log(6)]];
        var (normalised, log) = PruningOracle.HeadMean(rows, 1, 1, overFirst: true, isLogarithm: false);
        Assert.Equal([0.25, 0.75], normalised, (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal(8 / 11.0, Math.Exp(log), 1e-15);
        Assert.Equal([0, 0.6, 1], PruningOracle.Cosine([[5, 3, 9], [0, 0, 9]], [0, 25, 4], 1));
    }

    private static FlowScoreArguments Arguments(Workbench bench, float[] logs, float[] products, FlowCriteria criteria) => new()
    {
        LogProbabilities = bench.Matrix(logs, 1, 4, ElementType.Float32),
        Products = bench.Matrix(products, 1, 4, ElementType.Float32),
        Density = bench.Array(1f, 1, 1, 1),
        Offsets = bench.Array(0, 4),
        MaxPatches = 3,
        HasClass = true,
        Criteria = criteria,
        Scores = bench.Output<float>(4),
        Cumulative = bench.Output<float>(4),
        EntropyRatios = bench.Output<float>(1),
    };

    private static (float[] Scores, float EntropyRatio) Run(Workbench bench, float[] logs, float[] products, FlowCriteria criteria = FlowCriteria.Attention | FlowCriteria.Semantic)
    {
        var arguments = Arguments(bench, logs, products, criteria);
        FlowScore.Launch(bench.Kernels, arguments, bench.Stream);
        return (bench.Read(arguments.Scores), bench.Read(arguments.EntropyRatios)[0]);
    }
}
