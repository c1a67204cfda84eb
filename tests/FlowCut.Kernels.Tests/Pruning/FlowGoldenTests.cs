using System.Text.Json;
using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Models.Checkpoints;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Pruning;

/// <summary>The golden flow-unit, from the authors' code in double precision: value statistics, scores, counts and selections of these kernels.</summary>
[Collection(DeviceCollection.Name)]
public sealed class FlowGoldenTests : IDisposable
{
    private static readonly string[] s_shapes = ["small", "clip", "two", "wide", "long", "peaked", "uniform", "zero-cls-value", "zero-patch"];

    private static readonly (string Name, FlowCriteria Criteria, FlowSemantic Semantic, bool OverPatches)[] s_variants =
    [
        ("released", FlowCriteria.All, FlowSemantic.SoftmaxOverAll, false),
        ("paper", FlowCriteria.All, FlowSemantic.SoftmaxOverPatches, true),
        ("cosine", FlowCriteria.All, FlowSemantic.Cosine, false),
        ("attention-only", FlowCriteria.Attention, FlowSemantic.SoftmaxOverAll, false),
        ("semantic-only", FlowCriteria.Semantic, FlowSemantic.SoftmaxOverAll, false),
        ("density-only", FlowCriteria.Density, FlowSemantic.SoftmaxOverAll, false),
        ("no-attention", FlowCriteria.Semantic | FlowCriteria.Density, FlowSemantic.SoftmaxOverAll, false),
        ("no-semantic", FlowCriteria.Attention | FlowCriteria.Density, FlowSemantic.SoftmaxOverAll, false),
        ("no-density", FlowCriteria.Attention | FlowCriteria.Semantic, FlowSemantic.SoftmaxOverAll, false),
    ];

    /// <summary>Of the largest value of the reference row, as the goldens' README recommends.</summary>
    private static readonly Dictionary<string, double> s_shares = new() { ["attention"] = 5e-5, ["semantic"] = 5e-5, ["density"] = 2e-5, ["score"] = 2e-5 };

    private readonly Checkpoint _tensors = Checkpoint.Open(Goldens.Require("flow-unit.safetensors"));
    private readonly JsonDocument _facts = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("flow-unit.json")));

    public void Dispose()
    {
        _tensors.Dispose();
        _facts.Dispose();
    }

    [Fact]
    public void Scores_entropy_ratios_and_counts_are_the_goldens()
    {
        foreach (var device in TestDevice.Available())
        {
            foreach (var shape in s_shapes)
            {
                foreach (var variant in s_variants)
                {
                    using var bench = new Workbench(device);
                    var score = Score(bench, $"criteria.{shape}", variant.Criteria, variant.Semantic, variant.OverPatches);
                    var rows = new Dictionary<string, float[]> { ["attention"] = bench.Read(score.Attention), ["semantic"] = bench.Read(score.SemanticScores), ["density"] = bench.Read(score.Density), ["score"] = bench.Read(score.Scores) };
                    foreach (var (name, actual) in rows)
                    {
                        var full = $"criteria.{shape}.{variant.Name}.{name}";
                        if (_tensors.TryGet(full, out _)) Close(Values(full), actual[1..], s_shares[name], full);
                    }

                    var facts = _facts.RootElement.GetProperty("criteria").GetProperty(shape);
                    var result = facts.GetProperty("results").GetProperty(variant.Name);
                    Assert.Equal(result.GetProperty("entropy_ratio").GetDouble(), bench.Read(score.EntropyRatios)[0], 1e-5);
                    var patches = facts.GetProperty("patches").GetInt32();
                    var (target, remaining) = (facts.GetProperty("target").GetInt32(), facts.GetProperty("remaining_layers").GetInt32());
                    var kept = Select(bench, score.Cumulative, [0, patches + 1], true, score.EntropyRatios, target, remaining, true)[0].Length;
                    Assert.Equal(Math.Max(patches - result.GetProperty("r").GetInt32(), Math.Min(target, patches)), kept);
                    bench.Finish(shape);
                }
            }
        }
    }

    [Theory]
    [InlineData("mha", 16)]
    [InlineData("gqa", 10)]
    public void Text_guided_scores_are_the_goldens(string name, int keep)
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var score = Score(bench, $"text.{name}", FlowCriteria.All, FlowSemantic.SoftmaxOverPatches, true);
            Close(Values($"text.{name}.attention"), bench.Read(score.Attention), 5e-5, "attention");
            Close(Values($"text.{name}.semantic"), bench.Read(score.SemanticScores), 5e-5, "semantic");
            Close(Values($"text.{name}.density"), bench.Read(score.Density), 2e-5, "density");
            Close(Values($"text.{name}.score"), bench.Read(score.Scores), 2e-5, "score");
            var kept = Select(bench, score.Cumulative, [0, score.Density.Length], false, default, keep, 0, false);
            Assert.Equal(Indices($"text.{name}.keep_indices"), kept[0].Select(i => (long)i));
        }
    }

    [Theory]
    [InlineData("ties", 3)]
    [InlineData("all-equal", 4)]
    [InlineData("keep-all", 3)]
    [InlineData("keep-one", 1)]
    [InlineData("ties-at-the-edge", 4)]
    public void Selections_are_the_goldens(string name, int keep)
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var scores = Array.ConvertAll(Values($"select.{name}.cumulative"), x => (float)x);
            Assert.Equal(Indices($"select.{name}.keep_indices"), Select(bench, bench.Array(scores), [0, scores.Length], false, default, keep, 0, false)[0].Select(i => (long)i));
            var indices = bench.Output<int>(keep);
            SelectTop.Launch(bench.Kernels, bench.Matrix(scores, 1, scores.Length, ElementType.Float32), indices, default, 1, keep, 0, bench.Stream);
            Assert.Equal(Indices($"select.{name}.keep_indices"), bench.Read(indices).Select(i => (long)i));
        }
    }

    /// <summary>Twenty-four layers of one encoder: entropy, running score, count and selection on the device, scores of survivors gathered.</summary>
    [Theory]
    [InlineData("n64", 24, 8)]
    [InlineData("n64", 24, 32)]
    [InlineData("n100", 24, 12)]
    [InlineData("n100", 24, 50)]
    [InlineData("n72-batch3", 24, 9)]
    [InlineData("n72-batch3", 24, 36)]
    [InlineData("n50-short", 8, 6)]
    [InlineData("n50-short", 8, 25)]
    public void Whole_encoders_keep_the_goldens_patches(string name, int layers, int target)
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var shape = _tensors.Get($"sequence.{name}.attention").Shape;
            var run = new EncoderRun(bench, (int)shape[0], layers, (int)shape[2], target, Values($"sequence.{name}.attention"), Values($"sequence.{name}.score"));
            for (var layer = 0; layer <= layers - 3; layer++) run.Layer(layer);
            Assert.Equal(Indices($"sequence.{name}.released.t{target}.keep_indices"), run.Kept.SelectMany(k => k).Select(i => (long)i));
            Close(Values($"sequence.{name}.released.t{target}.cumulative"), bench.Read(run.Cumulative)[..(run.Kept.Length * target)], 1e-5, "cumulative");
        }
    }

    [Fact]
    public void Counts_round_half_to_even()
    {
        foreach (var (text, expected) in _facts.RootElement.GetProperty("rounding").EnumerateObject().Select(p => (double.Parse(p.Name, System.Globalization.CultureInfo.InvariantCulture), p.Value.GetInt32())))
            Assert.Equal(expected, (int)Math.Round(text, MidpointRounding.ToEven));
        // h = 0 and √remaining = 2: 1 of 1, 3 of 3, … alive above the target halve to x.5
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            foreach (var above in new[] { 1, 3, 5, 7, 21, 23 })
            {
                var kept = Select(bench, bench.Array(Numbers.Normal(above, above + 2)), [0, above + 2], false, bench.Array(0f), 2, 4, false)[0].Length;
                Assert.Equal(above + 2 - (int)Math.Round(above / 2.0, MidpointRounding.ToEven), kept);
            }
        }
    }

    private FlowScoreArguments Score(Workbench bench, string shape, FlowCriteria criteria, FlowSemantic semantic, bool overPatches)
    {
        var isText = shape.StartsWith("text", StringComparison.Ordinal);
        var (query, keys, values) = (Rows($"{shape}.{(isText ? "q" : "q_cls")}"), Heads($"{shape}.k"), Heads($"{shape}.v"));
        int heads = query.Length, valueHeads = values.Length, rows = values[0].Length, size = values[0][0].Length;
        var logs = query.SelectMany((q, h) => LogSoftmax([.. keys[h * valueHeads / heads].Select(k => k.Zip(q, (a, b) => a * b).Sum() / Math.Sqrt(size))])).Select(x => (float)x).ToArray();
        var joined = Enumerable.Range(0, rows).SelectMany(j => values.SelectMany(head => head[j])).Select(x => (float)x).ToArray();
        var statistics = new ValueStatisticsArguments
        {
            Values = bench.Matrix(joined, rows, valueHeads * size, ElementType.Float32),
            Heads = valueHeads,
            Offsets = bench.Array(0, rows),
            Means = isText ? bench.Matrix([.. Values($"{shape}.v_text").Select(x => (float)x)], 1, valueHeads * size, ElementType.Float32) : null,
            Products = bench.Matrix(null, valueHeads, rows, ElementType.Float32),
            Density = bench.Output<float>(rows),
            SquaredNorms = bench.Output<float>(rows),
        };
        var score = new FlowScoreArguments
        {
            LogProbabilities = bench.Matrix(logs, heads, rows, ElementType.Float32),
            Products = statistics.Products,
            Density = statistics.Density,
            SquaredNorms = statistics.SquaredNorms,
            Offsets = statistics.Offsets,
            MaxPatches = rows,
            HasClass = !isText,
            Criteria = criteria,
            Semantic = semantic,
            SemanticScale = (float)(1 / Math.Sqrt(size)),
            AttentionOverPatches = overPatches,
            Attention = bench.Output<float>(rows),
            SemanticScores = bench.Output<float>(rows),
            Scores = bench.Output<float>(rows),
            Cumulative = bench.Output<float>(rows),
            EntropyRatios = bench.Output<float>(1),
        };
        ValueStatistics.Launch(bench.Kernels, statistics, bench.Stream);
        FlowScore.Launch(bench.Kernels, score, bench.Stream);
        return score;
    }

    /// <summary>The patches kept of each sequence, numbered within it.</summary>
    private static int[][] Select(Workbench bench, DeviceArray<float> cumulative, int[] offsets, bool hasClass, DeviceArray<float> ratios, int target, int remaining, bool shared)
    {
        var arguments = new FlowSelectArguments
        {
            Cumulative = cumulative,
            Offsets = bench.Array(offsets),
            MaxPatches = cumulative.Length,
            HasClass = hasClass,
            EntropyRatios = ratios,
            Target = target,
            Remaining = remaining,
            SharedCount = shared,
            KeepAll = target,
            Rows = bench.Output<int>(cumulative.Length),
            NewOffsets = bench.Output<int>(offsets.Length),
        };
        FlowSelect.Launch(bench.Kernels, arguments, bench.Stream);
        var (rows, starts, first) = (bench.Read(arguments.Rows), bench.Read(arguments.NewOffsets), hasClass ? 1 : 0);
        return [.. Enumerable.Range(0, offsets.Length - 1).Select(s => rows[(starts[s] + first)..starts[s + 1]].Select(r => r - offsets[s] - first).ToArray())];
    }

    private static double[] LogSoftmax(double[] logits)
    {
        var max = logits.Max();
        var log = max + Math.Log(logits.Sum(x => Math.Exp(x - max)));
        return [.. logits.Select(x => x - log)];
    }

    private static void Close(double[] expected, float[] actual, double share, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var allowed = share * expected.Max(Math.Abs);
        var worst = expected.Select((e, i) => Math.Abs(e - actual[i])).Max();
        Assert.True(worst <= allowed, $"{what}: {worst:E2} off, {allowed:E2} is allowed");
    }

    private double[] Values(string name)
    {
        var tensor = _tensors.Get(name);
        if (tensor.Type == StoredType.Float64) return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(tensor.Bytes).ToArray();
        var singles = new float[tensor.ElementCount];
        tensor.ReadSingles(singles);
        return Array.ConvertAll(singles, x => (double)x);
    }

    private double[][] Rows(string name) => [.. Values(name).Chunk((int)_tensors.Get(name).Shape[^1])];

    private double[][][] Heads(string name) => [.. Rows(name).Chunk((int)_tensors.Get(name).Shape[1])];

    private long[] Indices(string name) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(_tensors.Get(name).Bytes).ToArray();

    /// <summary>A batch through an encoder whose attention and scores are given for every original patch.</summary>
    private sealed class EncoderRun(Workbench bench, int pictures, int layers, int patches, int target, double[] attention, double[] scores)
    {
        public int[][] Kept { get; private set; } = [.. Enumerable.Range(0, pictures).Select(_ => Enumerable.Range(0, patches).ToArray())];

        public DeviceArray<float> Cumulative { get; private set; } = bench.Output<float>(pictures * patches);

        public void Layer(int layer)
        {
            var alive = Kept[0].Length;
            if (alive <= target) return;
            float[] Alive(double[] of) => [.. Kept.SelectMany((kept, p) => kept.Select(j => (float)of[((long)p * layers + layer) * patches + j]))];
            var rows = bench.Matrix(Alive(attention), pictures, alive, ElementType.Float32);
            var ratios = bench.Output<float>(pictures);
            Entropy.Launch(bench.Kernels, rows, ratios, bench.Stream);
            var current = bench.Array(Alive(scores));
            Kernels.Pruning.Cumulative.Launch(bench.Kernels, current, Cumulative with { Length = current.Length }, layer == 0 ? null : 0.5f, bench.Stream);
            var remaining = layers - 3 - layer;
            if (remaining % 2 != 0) return;

            var offsets = Enumerable.Range(0, pictures + 1).Select(i => i * alive).ToArray();
            var cumulative = Cumulative with { Length = current.Length };
            var chosen = Select(bench, cumulative, offsets, false, remaining == 0 ? default : ratios, target, remaining, true);
            var numbers = bench.Array([.. chosen.SelectMany((kept, p) => kept.Select(j => offsets[p] + j))]);
            var next = bench.Output<float>(numbers.Length);
            GatherRows.Launch(bench.Kernels, cumulative, numbers, default, next, bench.Stream);
            Kept = [.. chosen.Select((kept, p) => kept.Select(j => Kept[p][j]).ToArray())];
            Cumulative = next;
        }
    }
}
