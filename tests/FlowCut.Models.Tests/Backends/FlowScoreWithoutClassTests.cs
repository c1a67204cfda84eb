using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Models.Tests.Backends;

/// <summary>Scores where every row is a patch and the query and the value are no rows, against the reference in double precision.</summary>
public class FlowScoreWithoutClassTests
{
    private const int Heads = 3, HeadSize = 20, Columns = Heads * HeadSize;

    public static TheoryData<Criteria, SemanticCriterion> Ways()
    {
        var data = new TheoryData<Criteria, SemanticCriterion>();
        foreach (var semantic in Enum.GetValues<SemanticCriterion>())
        {
            for (var criteria = Criteria.None + 1; criteria <= Criteria.All; criteria++) data.Add(criteria, semantic);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Agrees_with_the_reference(Criteria criteria, SemanticCriterion semantic)
    {
        int[] offsets = [0, 1, 38, 38, 40, 105];
        var sequences = new Sequences(offsets);
        var c = AttentionRowTests.Case("scores", offsets, Heads, Heads, HeadSize);
        var inputs = AttentionRowTests.Inputs(c, 1);
        foreach (var overPatches in new[] { false, true })
        {
            foreach (var lanes in new[] { 16, 8, 4 })
            {
                var results = Workspace.Everywhere(lanes, w => Run(w, c, inputs, criteria, semantic, overPatches));
                for (var s = 0; s < sequences.Count; s++)
                {
                    var range = offsets[s]..offsets[s + 1];
                    var expected = Reference(inputs, s, range, criteria, semantic);
                    var what = $"sequence {s}";
                    Near(expected.Attention, results[0][range], 5e-5, what + ", attention");
                    Near(expected.Semantic, results[1][range], 5e-5, what + ", semantic");
                    Near(expected.Score, results[2][range], 5e-5, what + ", score");
                    Assert.Equal(results[2][range], results[3][range]);
                    Assert.InRange(results[4][s] - FlowReference.EntropyRatio(expected.Attention), -1e-5, 1e-5);
                }
            }
        }
    }

    [Fact]
    public void The_running_score_of_every_row_follows_and_none_is_infinite()
    {
        using var w = new Workspace(1);
        var arguments = Given(w, [-1, -1], [0, 0], [8, 4], 0.25f, w.Input([100, 20], 1, 2));
        w.Backend.FlowScore(arguments);
        // I = (1/2 + 1/2)·d
        Assert.Equal([8, 4], w.Read(arguments.Scores).Select(x => MathF.Round(x, 5)));
        Assert.Equal([77, 16], w.Read(arguments.Cumulative).Select(x => MathF.Round(x, 4)));
        Assert.Equal(1, arguments.EntropyRatios!.Read(0), 1e-6);
    }

    [Fact]
    public void Not_a_number_shows_in_the_entropy_and_a_missing_norm_is_refused()
    {
        using var w = new Workspace(1);
        var arguments = Given(w, [-1, float.NaN], [0, 0], [8, 4], null, w.Output(1, 2));
        w.Backend.FlowScore(arguments);
        Assert.True(double.IsNaN(arguments.EntropyRatios!.Read(0)));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(arguments with { Semantic = SemanticCriterion.Cosine }));
    }

    private static FlowScoreArguments Given(Workspace w, float[] logs, float[] products, float[] density, float? weight, Tensor cumulative) => new()
    {
        Export = new AttentionExport
        {
            LogProbabilities = w.Input(logs, 1, 2),
            ValueProducts = w.Input(products, 1, 2),
            ValueDensity = w.Input(density, 1, 2),
            ValueSquaredNorms = w.Input([1, 1], 1, 2),
        },
        Keys = new Sequences(0, 2),
        Heads = 1,
        HeadSize = 4,
        HasClass = false,
        Criteria = Criteria.All,
        Semantic = SemanticCriterion.ValueSoftmax,
        AttentionOverPatches = false,
        EmaWeight = weight,
        AttentionScores = w.Output(1, 2),
        SemanticScores = w.Output(1, 2),
        Scores = w.Output(1, 2),
        Cumulative = cumulative,
        EntropyRatios = w.Backend.AllocateHostValues(1),
    };

    private static float[][] Run(Workspace w, AttentionCase c, AttentionRowTests.RowInputs inputs, Criteria criteria, SemanticCriterion semantic, bool overPatches)
    {
        var (sequences, rows) = (c.QueryOffsets[^1], c.KeyOffsets[^1]);
        var row = AttentionRowTests.Arguments(w, c, inputs, Layout.Dense);
        w.Backend.AttentionRow(row);
        var arguments = new FlowScoreArguments
        {
            Export = row.Export,
            Keys = row.Keys,
            Heads = c.Heads,
            HeadSize = c.HeadSize,
            HasClass = false,
            Criteria = criteria,
            Semantic = semantic,
            AttentionOverPatches = overPatches,
            EmaWeight = null,
            AttentionScores = w.Output(1, rows),
            SemanticScores = w.Output(1, rows),
            Scores = w.Output(1, rows),
            Cumulative = w.Output(1, rows),
            EntropyRatios = w.Backend.AllocateHostValues(sequences),
        };
        w.Backend.FlowScore(arguments);
        return
        [
            w.Read(arguments.AttentionScores), w.Read(arguments.SemanticScores), w.Read(arguments.Scores), w.Read(arguments.Cumulative),
            [.. Enumerable.Range(0, sequences).Select(i => (float)arguments.EntropyRatios!.Read(i))],
        ];
    }

    /// <summary>The reference's text-guided scores are these: one query and one value against patches alone, both softmaxes over them.</summary>
    private static (double[] Attention, double[] Semantic, double[] Score) Reference(
        AttentionRowTests.RowInputs inputs, int sequence, Range range, Criteria criteria, SemanticCriterion semantic)
    {
        var (start, count) = range.GetOffsetAndLength(inputs.Key.Length / Columns);
        if (count == 0) return ([], [], []);
        double[] Head(float[] rows, int row, int head) => Array.ConvertAll(rows[(row * Columns + head * HeadSize)..(row * Columns + (head + 1) * HeadSize)], x => (double)x);
        double[][][] Heads3(float[] rows) => [.. Enumerable.Range(0, Heads).Select(h => Enumerable.Range(start, count).Select(r => Head(rows, r, h)).ToArray())];
        double[][] Heads2(float[] rows, double scale) => [.. Enumerable.Range(0, Heads).Select(h => Head(rows, sequence, h).Select(x => scale * x).ToArray())];

        // unscaled: the value that much longer
        var scale = semantic == SemanticCriterion.ValueSoftmax ? Math.Sqrt(HeadSize) : 1;
        var (attention, similarity, density, _) = FlowReference.TextGuided(Heads2(inputs.Query, 1), Heads2(inputs.Global, scale), Heads3(inputs.Key), Heads3(inputs.Value));
        if (semantic == SemanticCriterion.Cosine)
        {
            // the global value in the CLS token's place
            var values = Heads3(inputs.Value).Select((tokens, h) => tokens.Prepend(Head(inputs.Global, sequence, h)).ToArray()).ToArray();
            similarity = FlowReference.Semantic(values, SemanticCriterion.Cosine);
        }

        return (attention, similarity, FlowReference.Fuse(attention, similarity, density, criteria));
    }

    private static void Near(double[] expected, float[] actual, double share, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var allowed = share * expected.Select(Math.Abs).DefaultIfEmpty().Max();
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= allowed, $"{what}: entry {i} is {actual[i]:R}, expected {expected[i]:R} ± {allowed:E2}");
    }
}
