using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

public class AttentionRowTests
{
    public static readonly TheoryData<AttentionCase> Cases =
    [
        Case("no sequences", [0], 2, 2, 16),
        Case("an empty sequence", [0, 0], 2, 2, 16),
        Case("one key", [0, 1], 2, 2, 16),
        Case("an empty sequence between two", [0, 3, 3, 20], 3, 3, 20),
        Case("an empty sequence at the end", [0, 65, 65], 2, 1, 72),
        Case("sequences of different length", [0, 1, 66, 195, 211], 3, 3, 64),
        Case("grouped queries", [0, 97], 6, 2, 128),
        Case("all queries of one head", [0, 33, 100], 4, 1, 80),
        Case("a picture of Qwen2-VL", [0, 700], 2, 2, 80),
        Case("head of one column", [0, 9], 2, 2, 1),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_double_precision(AttentionCase c)
    {
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var inputs = Inputs(c, 1);
            var results = Workspace.Everywhere(lanes, w => Run(w, c, inputs, layout));
            Tolerance.LogProbability.Check(Oracle.LogProbabilities(c, inputs.Query, inputs.Key), results[0], "log-probabilities");
            var (products, density, squaredNorms, globalNorms) = Oracle.ValueStatistics(c, inputs.Value, inputs.Global);
            Tolerance.ValueStatistic.Check(products, results[1], "value products");
            Tolerance.ValueStatistic.Check(density, results[2], "value density");
            Tolerance.ValueStatistic.Check(squaredNorms, results[3], "value squared norms");
            Tolerance.ValueStatistic.Check(globalNorms, results[4], "global squared norms");
        }
    }

    [Fact]
    public void A_hand_worked_case()
    {
        // q = (1, 0); k = (ln 3, 5), (0, 7): probabilities 3/4 and 1/4
        var c = Case("by hand", [0, 2], 1, 1, 2);
        using var w = new Workspace(1);
        var results = Run(w, c, new([1, 0], [3, -4], [MathF.Sqrt(2) * MathF.Log(3), 5, 0, 7], [4, 8, 0, -4]), Layout.Dense);
        Assert.Equal([Math.Round(Math.Log(0.75), 5), Math.Round(Math.Log(0.25), 5)], results[0].Select(x => Math.Round(x, 5)));
        Assert.Equal([-20, 16], results[1]);
        Assert.Equal([12, 4], results[2]);
        Assert.Equal([80, 16], results[3]);
        Assert.Equal([25], results[4]);
    }

    [Fact]
    public void Large_scores_neither_overflow_nor_lose_small_probabilities()
    {
        var c = Case("large", [0, 150], 2, 2, 64);
        var inputs = Inputs(c, 12);
        var expected = Oracle.LogProbabilities(c, inputs.Query, inputs.Key);
        Assert.True(expected.Min() < -200, "the case must reach beyond the range of fp32 probabilities");
        new Tolerance(1e-3, 16).Check(expected, Workspace.Everywhere(16, w => Run(w, c, inputs, Layout.Dense))[0], "log-probabilities");
    }

    [Fact]
    public void Not_a_number_reaches_only_the_head_and_the_sequence_that_see_it()
    {
        var c = Case("nan", [0, 5, 12], 2, 2, 16);
        var inputs = Inputs(c, 1);
        inputs.Key[7 * 32 + 3] = float.NaN;
        using var w = new Workspace(2);
        var logs = Run(w, c, inputs, Layout.Dense)[0];
        for (var i = 0; i < logs.Length; i++) Assert.Equal(i is >= 5 and < 12, float.IsNaN(logs[i]));
    }

    [Fact]
    public void Shapes_are_checked_and_nothing_is_allocated()
    {
        var c = Case("shapes", [0, 40, 60], 4, 2, 8);
        using var w = new Workspace(2);
        var good = Arguments(w, c, Inputs(c, 1), Layout.Dense);
        w.CheckNoAllocation(b => b.AttentionRow(good));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { Query = good.Query.SliceRows(0, 1) }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { GlobalValue = good.GlobalValue.SliceColumns(0, 8) }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { Key = good.Key.SliceRows(1, 59) }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { Value = good.Value.SliceColumns(0, 15) }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { Keys = new Sequences(0, 40, 59) }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { KeyValueHeads = 3 }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { KeyValueHeads = 0 }));
        Assert.Throws<ArgumentException>(() => w.Backend.AttentionRow(good with { HeadSize = 0 }));
    }

    internal sealed record RowInputs(float[] Query, float[] Global, float[] Key, float[] Value);

    internal static AttentionCase Case(string name, int[] offsets, int heads, int keyValueHeads, int headSize) =>
        new(name, [.. Enumerable.Range(0, offsets.Length)], offsets, heads, keyValueHeads, headSize);

    internal static RowInputs Inputs(AttentionCase c, double scale) => new(
        TestData.Normal(1, c.QueryOffsets[^1] * c.Heads * c.HeadSize, scale),
        TestData.Normal(2, c.QueryOffsets[^1] * c.KeyValueHeads * c.HeadSize),
        TestData.Normal(3, c.KeyOffsets[^1] * c.KeyValueHeads * c.HeadSize, scale, outlier: 4),
        TestData.Normal(4, c.KeyOffsets[^1] * c.KeyValueHeads * c.HeadSize));

    internal static AttentionRowArguments Arguments(Workspace w, AttentionCase c, RowInputs inputs, Layout layout)
    {
        var (sequences, rows, columns) = (c.QueryOffsets[^1], c.KeyOffsets[^1], c.KeyValueHeads * c.HeadSize);
        return new AttentionRowArguments
        {
            Query = w.Input(inputs.Query, sequences, c.Heads * c.HeadSize, layout),
            GlobalValue = w.Input(inputs.Global, sequences, columns),
            Key = w.Input(inputs.Key, rows, columns, layout),
            Value = w.Input(inputs.Value, rows, columns, layout),
            Keys = new Sequences(c.KeyOffsets),
            Heads = c.Heads,
            KeyValueHeads = c.KeyValueHeads,
            HeadSize = c.HeadSize,
            Scale = c.Scale,
            Export = new AttentionExport
            {
                LogProbabilities = w.Output(c.Heads, rows, layout),
                ValueProducts = w.Output(c.KeyValueHeads, rows, layout),
                ValueDensity = w.Output(1, rows, layout),
                ValueSquaredNorms = w.Output(1, rows, layout),
                GlobalSquaredNorms = w.Output(1, sequences, layout),
            },
        };
    }

    private static float[][] Run(Workspace w, AttentionCase c, RowInputs inputs, Layout layout)
    {
        var arguments = Arguments(w, c, inputs, layout);
        w.Backend.AttentionRow(arguments);
        var e = arguments.Export;
        return [w.Read(e.LogProbabilities), w.Read(e.ValueProducts), w.Read(e.ValueDensity), w.Read(e.ValueSquaredNorms), w.Read(e.GlobalSquaredNorms!.Value)];
    }
}
