using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

public class AttentionTests
{
    public static readonly TheoryData<AttentionCase> Cases = Build();

    private static TheoryData<AttentionCase> Build()
    {
        var cases = new TheoryData<AttentionCase>
        {
            new AttentionCase("no rows", [0, 0], [0, 0], 2, 2, 16),
            new AttentionCase("no sequences", [0], [0], 2, 2, 16),
            new AttentionCase("an empty sequence between two", [0, 3, 3, 20], [0, 3, 3, 20], 2, 2, 16),
            new AttentionCase("CLIP-L", [0, 577], [0, 577], 2, 2, 64),
            new AttentionCase("sequences of different length", [0, 1, 66, 195, 211], [0, 1, 66, 195, 211], 3, 3, 64),
            new AttentionCase("prefill", [0, 70], [0, 70], 2, 2, 128, Causal: true),
            new AttentionCase("prefill behind cached keys", [0, 33], [0, 210], 4, 2, 64, Causal: true),
            new AttentionCase("batch behind caches of different length", [0, 17, 20, 85], [0, 90, 93, 301], 4, 1, 32, Causal: true),
            new AttentionCase("long prefill", [0, 300], [0, 300], 2, 1, 80, Causal: true),
            new AttentionCase("decode", [0, 1], [0, 1500], 4, 4, 128, Causal: true),
            new AttentionCase("decode with grouped queries", [0, 1], [0, 777], 8, 2, 64, Causal: true),
            new AttentionCase("decode batch", [0, 1, 2, 3], [0, 64, 65, 1200], 6, 2, 96, Causal: true),
            new AttentionCase("cross attention of one row", [0, 1], [0, 37], 3, 3, 20),
        };
        foreach (var size in new[] { 1, 8, 16, 20, 32, 72, 80, 96, 128 }) cases.Add(new AttentionCase($"head size {size}", [0, 65], [0, 65], 2, 2, size));
        foreach (var n in new[] { 1, 2, 15, 16, 17, 31, 33, 63, 64, 65 })
        {
            cases.Add(new AttentionCase($"{n} rows", [0, n], [0, n], 2, 2, 64));
            cases.Add(new AttentionCase($"{n} rows, causal", [0, n], [0, n], 2, 1, 64, Causal: true));
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_double_precision(AttentionCase c)
    {
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var inputs = Inputs(c, 1);
            var results = Workspace.Everywhere(lanes, w => Run(w, c, inputs, layout, export: true));
            var (output, logProbabilities) = Oracle.Attention(c, inputs.Query, inputs.Key, inputs.Value);
            var (products, density, squaredNorms) = Oracle.ValueStatistics(c, inputs.Value);
            Tolerance.Attention.Check(output, results[0], "output");
            Tolerance.LogProbability.Check(logProbabilities, results[1], "log-probabilities");
            Tolerance.ValueStatistic.Check(products, results[2], "value products");
            Tolerance.ValueStatistic.Check(density, results[3], "value density");
            Tolerance.ValueStatistic.Check(squaredNorms, results[4], "value squared norms");
        }
    }

    /// <summary>The first queries see nothing; there is no row to export.</summary>
    [Fact]
    public void More_queries_than_keys()
    {
        var c = new AttentionCase("more queries than keys", [0, 40], [0, 9], 2, 2, 16, Causal: true);
        var inputs = Inputs(c, 1);
        var results = Workspace.Everywhere(16, w => Run(w, c, inputs, Layout.Dense, export: false));
        Tolerance.Attention.Check(Oracle.Attention(c, inputs.Query, inputs.Key, inputs.Value).Output, results[0], "output");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Exporting_does_not_change_the_output(AttentionCase c)
    {
        var inputs = Inputs(c, 1);
        using var workspace = new Workspace(2);
        Assert.Equal(Run(workspace, c, inputs, Layout.Dense, export: false)[0], Run(workspace, c, inputs, Layout.Dense, export: true)[0]);
    }

    [Fact]
    public void A_hand_worked_case()
    {
        // q = (1, 0); k = (ln 3, 5), (0, 7): probabilities 3/4 and 1/4.
        var c = new AttentionCase("by hand", [0, 1], [0, 2], 1, 1, 2);
        using var workspace = new Workspace(1);
        var results = Run(workspace, c, new([1, 0], [MathF.Sqrt(2) * MathF.Log(3), 5, 0, 7], [4, 8, 0, -4]), Layout.Dense, export: true);
        Assert.Equal([3, 5], results[0].Select(x => Math.Round(x, 5)));
        Assert.Equal([Math.Round(Math.Log(0.75), 5), Math.Round(Math.Log(0.25), 5)], results[1].Select(x => Math.Round(x, 5)));
        Assert.Equal([-32, 16], results[2]); // the one query is the last key's
        Assert.Equal([12, 4], results[3]);
        Assert.Equal([80, 16], results[4]);
    }

    [Fact]
    public void Large_scores_neither_overflow_nor_lose_small_probabilities()
    {
        var c = new AttentionCase("large", [0, 20], [0, 150], 2, 2, 64);
        var inputs = Inputs(c, 12);
        var results = Workspace.Everywhere(16, w => Run(w, c, inputs, Layout.Dense, export: true));
        var (_, logProbabilities) = Oracle.Attention(c, inputs.Query, inputs.Key, inputs.Value);
        Assert.True(logProbabilities.Min() < -200, "the case must reach beyond the range of fp32 probabilities");
        new Tolerance(1e-3, 16).Check(logProbabilities, results[1], "log-probabilities");
        Assert.All(results[0], x => Assert.True(float.IsFinite(x)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void Not_a_number_reaches_only_the_rows_and_heads_that_see_it(int rows)
    {
        var c = new AttentionCase("nan", [0, rows], [0, 50], 2, 2, 16);
        var inputs = Inputs(c, 1);
        inputs.Key[30 * 32 + 3] = float.NaN;
        using var workspace = new Workspace(2);
        var output = Run(workspace, c, inputs, Layout.Dense, export: false)[0];
        for (var i = 0; i < output.Length; i++) Assert.Equal(i % 32 < 16, float.IsNaN(output[i]));
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        var prefill = new AttentionCase("prefill", [0, 200], [0, 200], 2, 2, 64);
        var decode = new AttentionCase("decode", [0, 1], [0, 900], 4, 2, 64, Causal: true);
        using var workspace = new Workspace(2);
        foreach (var c in new[] { prefill, decode })
        {
            var arguments = Arguments(workspace, c, Inputs(c, 1), Layout.Dense, Export(workspace, c));
            workspace.CheckNoAllocation(b => b.Attention(arguments));
        }
    }

    [Fact]
    public void Shapes_that_disagree_are_refused()
    {
        var c = new AttentionCase("shapes", [0, 4], [0, 6], 2, 1, 8);
        using var w = new Workspace(1);
        var good = Arguments(w, c, Inputs(c, 1), Layout.Dense, null);
        w.Backend.Attention(good);
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Query = good.Query.SliceRows(0, 3) }));
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Key = good.Key.SliceColumns(0, 7) }));
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Output = good.Output.SliceRows(1, 3) }));
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Heads = 3 }));
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { KeyValueHeads = 0 }));
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Keys = new Sequences(0, 3, 6) }));
        var export = Export(w, c);
        Assert.Throws<ArgumentException>(() => w.Backend.Attention(good with { Export = new AttentionExport { LogProbabilities = export.ValueProducts, ValueProducts = export.ValueProducts, ValueDensity = export.ValueDensity, ValueSquaredNorms = export.ValueSquaredNorms } }));
    }

    internal sealed record AttentionInputs(float[] Query, float[] Key, float[] Value);

    internal static AttentionInputs Inputs(AttentionCase c, double scale) => new(
        TestData.Normal(1, c.QueryOffsets[^1] * c.Heads * c.HeadSize, scale),
        TestData.Normal(2, c.KeyOffsets[^1] * c.KeyValueHeads * c.HeadSize, scale, outlier: 4),
        TestData.Normal(3, c.KeyOffsets[^1] * c.KeyValueHeads * c.HeadSize));

    private static AttentionExport Export(Workspace w, AttentionCase c) => new()
    {
        LogProbabilities = w.Output(c.Heads, c.KeyOffsets[^1], Layout.Strided),
        ValueProducts = w.Output(c.KeyValueHeads, c.KeyOffsets[^1], Layout.Strided),
        ValueDensity = w.Output(1, c.KeyOffsets[^1], Layout.Strided),
        ValueSquaredNorms = w.Output(1, c.KeyOffsets[^1], Layout.Strided),
    };

    private static AttentionArguments Arguments(Workspace w, AttentionCase c, AttentionInputs inputs, Layout layout, AttentionExport? export) => new()
    {
        Query = w.Input(inputs.Query, c.QueryOffsets[^1], c.Heads * c.HeadSize, layout),
        Key = w.Input(inputs.Key, c.KeyOffsets[^1], c.KeyValueHeads * c.HeadSize, layout),
        Value = w.Input(inputs.Value, c.KeyOffsets[^1], c.KeyValueHeads * c.HeadSize, layout),
        Output = w.Output(c.QueryOffsets[^1], c.Heads * c.HeadSize, layout),
        Heads = c.Heads,
        KeyValueHeads = c.KeyValueHeads,
        HeadSize = c.HeadSize,
        Scale = c.Scale,
        Queries = new Sequences(c.QueryOffsets),
        Keys = new Sequences(c.KeyOffsets),
        Causal = c.Causal,
        Export = export,
    };

    private static float[][] Run(Workspace w, AttentionCase c, AttentionInputs inputs, Layout layout, bool export)
    {
        var arguments = Arguments(w, c, inputs, layout, export ? Export(w, c) : null);
        w.Backend.Attention(arguments);
        return arguments.Export is { } e
            ? [w.Read(arguments.Output), w.Read(e.LogProbabilities), w.Read(e.ValueProducts), w.Read(e.ValueDensity), w.Read(e.ValueSquaredNorms)]
            : [w.Read(arguments.Output)];
    }
}
