using System.Globalization;
using System.Text.Json;
using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Backends;

public class FlowScoreTests
{
    private static readonly string[] Shapes = ["small", "clip", "two", "wide", "long", "peaked", "uniform", "zero-cls-value", "zero-patch"];

    private static readonly (string Name, Criteria Criteria, SemanticCriterion Semantic, bool OverPatches)[] Variants =
    [
        ("released", Criteria.All, SemanticCriterion.ValueSoftmax, false),
        ("paper", Criteria.All, SemanticCriterion.ScaledValueSoftmax, true),
        ("cosine", Criteria.All, SemanticCriterion.Cosine, false),
        ("attention-only", Criteria.Attention, SemanticCriterion.ValueSoftmax, false),
        ("semantic-only", Criteria.Semantic, SemanticCriterion.ValueSoftmax, false),
        ("density-only", Criteria.Density, SemanticCriterion.ValueSoftmax, false),
        ("no-attention", Criteria.Semantic | Criteria.Density, SemanticCriterion.ValueSoftmax, false),
        ("no-semantic", Criteria.Attention | Criteria.Density, SemanticCriterion.ValueSoftmax, false),
        ("no-density", Criteria.Attention | Criteria.Semantic, SemanticCriterion.ValueSoftmax, false),
    ];

    public static readonly TheoryData<string, string> Cases = [.. Shapes.SelectMany(shape => Variants.Select(variant => (shape, variant.Name)))];

    /// <summary>Of the largest value of the reference row, as the goldens' README recommends.</summary>
    private static readonly Dictionary<string, double> Shares = new() { ["attention"] = 5e-5, ["semantic"] = 5e-5, ["density"] = 2e-5, ["score"] = 2e-5 };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_and_scores_agree_with_the_goldens(string shape, string variantName)
    {
        var goldens = new GoldenTensors("flow-unit.safetensors");
        var variant = Variants.Single(v => v.Name == variantName);
        var entropyRatio = EntropyRatio(shape, variantName);
        foreach (var lanes in new[] { 16, 8, 4 })
        {
            using var w = new Workspace(2, lanes);
            var layer = new Layer(w, goldens, shape);
            var arguments = layer.Score(variant.Criteria, variant.Semantic, variant.OverPatches, null);
            foreach (var (name, tensor) in new[] { ("attention", arguments.AttentionScores), ("semantic", arguments.SemanticScores), ("density", arguments.Export.ValueDensity), ("score", arguments.Scores), ("score", arguments.Cumulative) })
            {
                var full = $"criteria.{shape}.{variantName}.{name}";
                if (goldens.Has(full)) Close(goldens.Doubles(full), w.Read(tensor)[1..], Shares[name], full);
            }

            Assert.Equal(0, w.Read(arguments.Scores)[0]);
            Assert.InRange(arguments.EntropyRatios!.Read(0) - entropyRatio, -1e-5, 1e-5);
        }
    }

    [Fact]
    public void Every_criterion_is_in_the_goldens()
    {
        var goldens = new GoldenTensors("flow-unit.safetensors");
        foreach (var shape in Shapes)
        {
            foreach (var variant in Variants) Assert.True(goldens.Has($"criteria.{shape}.{variant.Name}.score"));
            foreach (var name in Shares.Keys) Assert.True(goldens.Has($"criteria.{shape}.released.{name}"));
        }
    }

    [Fact]
    public void Sequences_of_different_length_are_scored_each_by_itself()
    {
        var lengths = new[] { 1, 4, 0, 37, 2 };
        var offsets = new[] { 0, 1, 5, 5, 42, 44 };
        const int Heads = 3;
        var logs = TestData.Normal(1, Heads * 44, 3);
        var products = TestData.Normal(2, Heads * 44, 4);
        var density = TestData.Normal(3, 44).Select(Math.Abs).ToArray();
        foreach (var variant in Variants)
        {
            var together = Workspace.Everywhere(16, w => Run(w, new Sequences(offsets), logs, products, density, variant));
            for (var s = 0; s < lengths.Length; s++)
            {
                using var w = new Workspace(1);
                var range = offsets[s]..offsets[s + 1];
                var alone = Run(w, new Sequences(0, lengths[s]), Columns(logs, 44, range), Columns(products, 44, range), density[range], variant);
                for (var i = 0; i < 4; i++) Assert.Equal(alone[i], together[i][range]);
                Assert.Equal(alone[4][0], together[4][s]);
                if (lengths[s] <= 2) Assert.Equal(0, alone[4][0]);
            }
        }
    }

    [Theory]
    [InlineData(SemanticCriterion.ValueSoftmax, false)]
    [InlineData(SemanticCriterion.ScaledValueSoftmax, true)]
    public void Patches_whose_probabilities_underflow_are_scored_as_exactly_as_others(SemanticCriterion semantic, bool overPatches)
    {
        // CLS is so similar to itself that the patches share e^-300 of the softmax, one head far less than the others.
        const int Heads = 4, Keys = 50, HeadSize = 16;
        var logs = TestData.Normal(1, Heads * Keys);
        var products = TestData.Normal(2, Heads * Keys, 2);
        for (var head = 0; head < Heads; head++)
        {
            for (var j = 1; j < Keys; j++) logs[head * Keys + j] -= 200 + (head == 2 ? 150 : 0);
            logs[head * Keys] = 0;
            products[head * Keys] += 300 + 3 * head;
        }

        var density = TestData.Normal(3, Keys).Select(Math.Abs).ToArray();
        using var w = new Workspace(1);
        var variant = ("underflow", Criteria.All, semantic, overPatches);
        var results = Run(w, new Sequences(0, Keys), logs, products, density, variant, HeadSize);
        var scale = semantic == SemanticCriterion.ScaledValueSoftmax ? 0.25 : 1;
        var attention = Normalised(logs, Heads, Keys, 1, overPatches);
        var meaning = Normalised(products, Heads, Keys, scale, overPatches);
        var expected = attention.Zip(meaning, (a, s) => a + s).Zip(density.Skip(1), (t, d) => t * d).ToArray();
        Tolerance.FlowScore.Check(expected, results[2].AsSpan(1), "score");
        var entropy = -attention.Sum(p => p * Math.Log(p)) / Math.Log(Keys - 1);
        Assert.Equal(entropy, results[4][0], 1e-5);
        if (!overPatches) Assert.All(results[0][1..], x => Assert.Equal(0, x));
    }

    [Theory]
    [InlineData(null, 8)]
    [InlineData(0.5f, 54)]
    [InlineData(0.75f, 31)]
    public void The_new_score_enters_the_cumulative_one_with_its_weight(float? weight, float expected)
    {
        // One patch: attention 1, no semantic term, density 8, so I = 8; S was 100.
        using var w = new Workspace(1);
        var zero = w.Input([0, 0], 1, 2);
        var arguments = new FlowScoreArguments
        {
            Export = new AttentionExport { LogProbabilities = w.Input([-1, -1], 1, 2), ValueProducts = zero, ValueDensity = w.Input([0, 8], 1, 2), ValueSquaredNorms = zero },
            Keys = new Sequences(0, 2),
            Heads = 1,
            HeadSize = 4,
            HasClass = true,
            Criteria = Criteria.All,
            Semantic = SemanticCriterion.Cosine,
            AttentionOverPatches = false,
            EmaWeight = weight,
            AttentionScores = w.Output(1, 2),
            SemanticScores = w.Output(1, 2),
            Scores = w.Output(1, 2),
            Cumulative = w.Input([7, 100], 1, 2),
            EntropyRatios = w.Backend.AllocateHostValues(1),
        };
        w.Backend.FlowScore(arguments);
        Assert.Equal([0, 8], w.Read(arguments.Scores));
        Assert.Equal([float.PositiveInfinity, expected], w.Read(arguments.Cumulative));
        Assert.Equal([0, 0], w.Read(arguments.SemanticScores));
    }

    [Fact]
    public void Nothing_attended_to_counts_nothing_and_not_a_number_passes_through()
    {
        const int Keys = 5;
        var none = Enumerable.Repeat(float.NegativeInfinity, 2 * Keys).ToArray();
        var products = TestData.Normal(2, 2 * Keys);
        var density = Enumerable.Repeat(1f, Keys).ToArray();
        using var w = new Workspace(1);
        var results = Run(w, new Sequences(0, Keys), none, products, density, Variants[0]);
        Assert.Equal(0, results[4][0]);
        Assert.Equal(1, results[2].Sum(), 1e-5);
        results = Run(w, new Sequences(0, Keys), none, products, density, Variants[3]);
        Assert.All(results[2], x => Assert.Equal(0, x));
        products[Keys + 2] = float.NaN;
        foreach (var variant in Variants.Where(v => v.Name is "released" or "paper" or "cosine"))
            Assert.Contains(Run(w, new Sequences(0, Keys), TestData.Normal(1, 2 * Keys), products, density, variant)[2], float.IsNaN);
        var logs = TestData.Normal(1, 2 * Keys);
        logs[3] = float.NaN;
        results = Run(w, new Sequences(0, Keys), logs, TestData.Normal(2, 2 * Keys), density, Variants[0]);
        Assert.Contains(results[2], float.IsNaN);
        Assert.True(float.IsNaN(results[4][0]));
        var onlyNaN = Enumerable.Repeat(float.NaN, 2 * Keys).ToArray();
        results = Run(w, new Sequences(0, Keys), onlyNaN, TestData.Normal(2, 2 * Keys), density, Variants[0]);
        Assert.All(results[2][1..], x => Assert.True(float.IsNaN(x)));
    }

    [Fact]
    public void Arguments_are_checked_and_nothing_is_allocated()
    {
        using var w = new Workspace(2);
        var layer = new Layer(w, new GoldenTensors("flow-unit.safetensors"), "clip");
        var good = layer.Score(Criteria.All, SemanticCriterion.ValueSoftmax, false, null);
        w.CheckNoAllocation(b => b.FlowScore(good));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { Criteria = Criteria.None }));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { Keys = new Sequences(0, 64) }));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { Heads = 3 }));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { EntropyRatios = w.Backend.AllocateHostValues(0) }));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { EmaWeight = 1.5f }));
        Assert.Throws<ArgumentException>(() => w.Backend.FlowScore(good with { Scores = good.Scores.SliceColumns(1, 64) }));
    }

    private static double EntropyRatio(string shape, string variant)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("flow-unit.json")));
        return json.RootElement.GetProperty("criteria").GetProperty(shape).GetProperty("results").GetProperty(variant).GetProperty("entropy_ratio").GetDouble();
    }

    private static void Close(double[] expected, float[] actual, double share, string what)
    {
        var allowed = share * expected.Max(Math.Abs);
        var worst = expected.Select((e, i) => Math.Abs(e - actual[i])).Max();
        Assert.True(worst <= allowed, string.Create(CultureInfo.InvariantCulture, $"{what}: worst error {worst:E2}, allowed {allowed:E2}"));
    }

    /// <summary>Mean over heads of the softmax's patch columns, divided by its sum, in double precision by way of logarithms.</summary>
    private static double[] Normalised(float[] rows, int heads, int keys, double scale, bool overPatches)
    {
        var logs = Enumerable.Range(0, heads).Select(h => rows.Skip(h * keys).Take(keys).Select(x => scale * x).ToArray()).ToArray();
        var shifted = logs.Select(row => row.Skip(1).Select(x => x - LogSum(overPatches ? row.Skip(1) : row)).ToArray()).ToArray();
        var largest = shifted.Max(row => row.Max());
        var sums = Enumerable.Range(0, keys - 1).Select(j => shifted.Sum(row => Math.Exp(row[j] - largest))).ToArray();
        return [.. sums.Select(x => x / sums.Sum())];
    }

    private static double LogSum(IEnumerable<double> row)
    {
        var max = row.Max();
        return max + Math.Log(row.Sum(x => Math.Exp(x - max)));
    }

    private static float[] Columns(float[] rows, int columns, Range range) =>
        [.. Enumerable.Range(0, rows.Length / columns).SelectMany(r => rows[(r * columns)..((r + 1) * columns)][range])];

    /// <summary>Attention, semantic, scores, cumulative and entropy ratios from given exports.</summary>
    private static float[][] Run(Workspace w, Sequences keys, float[] logs, float[] products, float[] density, (string Name, Criteria Criteria, SemanticCriterion Semantic, bool OverPatches) variant, int headSize = 8)
    {
        var heads = keys.Rows == 0 ? 1 : logs.Length / keys.Rows;
        var arguments = new FlowScoreArguments
        {
            Export = new AttentionExport
            {
                LogProbabilities = w.Input(logs, heads, keys.Rows, Layout.Strided),
                ValueProducts = w.Input(products, heads, keys.Rows, Layout.Strided),
                ValueDensity = w.Input(density, 1, keys.Rows),
                ValueSquaredNorms = w.Input([.. density.Select(d => d * d + 3)], 1, keys.Rows),
            },
            Keys = keys,
            Heads = heads,
            HeadSize = headSize,
            HasClass = true,
            Criteria = variant.Criteria,
            Semantic = variant.Semantic,
            AttentionOverPatches = variant.OverPatches,
            EmaWeight = null,
            AttentionScores = w.Output(1, keys.Rows),
            SemanticScores = w.Output(1, keys.Rows),
            Scores = w.Output(1, keys.Rows),
            Cumulative = w.Output(1, keys.Rows),
            EntropyRatios = w.Backend.AllocateHostValues(keys.Count),
        };
        w.Backend.FlowScore(arguments);
        return [w.Read(arguments.AttentionScores), w.Read(arguments.SemanticScores), w.Read(arguments.Scores), w.Read(arguments.Cumulative), [.. Enumerable.Range(0, keys.Count).Select(i => (float)arguments.EntropyRatios!.Read(i))]];
    }

    /// <summary>A golden layer: attention of the CLS row with its export, then the scores.</summary>
    private sealed class Layer
    {
        private readonly Workspace _workspace;
        private readonly AttentionExport _export;
        private readonly int _heads, _keys, _size;

        public Layer(Workspace w, GoldenTensors goldens, string shape)
        {
            _workspace = w;
            var dimensions = goldens.Shape($"criteria.{shape}.k");
            (_heads, _keys, _size) = (dimensions[0], dimensions[1], dimensions[2]);
            var columns = _heads * _size;
            var key = w.Input(TokensFirst(goldens.Singles($"criteria.{shape}.k")), _keys, columns);
            var value = w.Input(TokensFirst(goldens.Singles($"criteria.{shape}.v")), _keys, columns);
            // The other queries do not matter here.
            var query = w.Input([.. goldens.Singles($"criteria.{shape}.q_cls"), .. TestData.Normal(1, (_keys - 1) * columns)], _keys, columns);
            _export = new AttentionExport
            {
                LogProbabilities = w.Output(_heads, _keys),
                ValueProducts = w.Output(_heads, _keys),
                ValueDensity = w.Output(1, _keys),
                ValueSquaredNorms = w.Output(1, _keys),
            };
            w.Backend.Attention(new AttentionArguments
            {
                Query = query,
                Key = key,
                Value = value,
                Output = w.Output(_keys, columns),
                Heads = _heads,
                KeyValueHeads = _heads,
                HeadSize = _size,
                Scale = 1 / MathF.Sqrt(_size),
                Queries = new Sequences(0, _keys),
                Keys = new Sequences(0, _keys),
                Export = _export,
            });
        }

        public FlowScoreArguments Score(Criteria criteria, SemanticCriterion semantic, bool overPatches, float? emaWeight)
        {
            var arguments = new FlowScoreArguments
            {
                Export = _export,
                Keys = new Sequences(0, _keys),
                Heads = _heads,
                HeadSize = _size,
                HasClass = true,
                Criteria = criteria,
                Semantic = semantic,
                AttentionOverPatches = overPatches,
                EmaWeight = emaWeight,
                AttentionScores = _workspace.Output(1, _keys),
                SemanticScores = _workspace.Output(1, _keys),
                Scores = _workspace.Output(1, _keys),
                Cumulative = _workspace.Output(1, _keys),
                EntropyRatios = _workspace.Backend.AllocateHostValues(1),
            };
            _workspace.Backend.FlowScore(arguments);
            return arguments;
        }

        /// <summary>[heads, tokens, size] to [tokens, heads·size].</summary>
        private float[] TokensFirst(float[] headsFirst)
        {
            var result = new float[headsFirst.Length];
            for (var i = 0; i < result.Length; i++)
            {
                var (token, column) = Math.DivRem(i, _heads * _size);
                result[i] = headsFirst[(column / _size * _keys + token) * _size + column % _size];
            }

            return result;
        }
    }
}
