using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Kernels.Tests.Pruning;

/// <summary>
/// The whole step over several layers: attention with the exported row, value statistics, flow score, flow select, counts and
/// running scores staying on the device. From the same 16-bit queries, keys and values the double-precision reference decides the same.
/// </summary>
[Collection(DeviceCollection.Name)]
public class FlowChainTests
{
    [Theory]
    [InlineData(ElementType.Float16, 2, 64, "65", 16)]
    [InlineData(ElementType.BFloat16, 2, 64, "65", 16)]
    [InlineData(ElementType.Float16, 4, 80, "101 40 17", 12)]
    [InlineData(ElementType.BFloat16, 4, 80, "101 40 17", 12)]
    [InlineData(ElementType.Float16, 2, 64, "577", 64)]
    [InlineData(ElementType.BFloat16, 2, 64, "577", 64)]
    public void Decisions_from_16_bit_inputs_are_the_references(ElementType type, int heads, int headSize, string lengths, int target)
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var run = new ChainRun(bench, new AttentionShape(heads, heads, headSize), type, Sequences.Offsets(lengths), target);
            foreach (var remaining in new[] { 4, 2, 0 }) run.Layer(remaining);
            bench.Finish(lengths);
            TestContext.Current.TestOutputHelper!.WriteLine($"{run.Checked} decisions equal, {run.TooClose} too close to tell");
            Assert.True(run.Checked > 4 * run.TooClose, $"only {run.Checked} decisions are checked, {run.TooClose} are too close to tell");
        }
    }
}

/// <summary>Layers of an encoder over a batch, each with new queries, keys and values for the rows that are alive.</summary>
internal sealed class ChainRun(Workbench bench, AttentionShape shape, ElementType type, int[] offsets, int target)
{
    /// <summary>
    /// What a score may be off relative to itself, and h as it is: the errors that the table of tolerances allows log-probabilities,
    /// which are relative ones of the probabilities, and value statistics, each in numerator and sum.
    /// </summary>
    private const double ScoreError = 1e-4, RatioError = 5e-5;

    private const float EmaWeight = 0.5f;

    private readonly double[]?[] _expected = new double[]?[offsets.Length - 1];
    private int[] _offsets = offsets;
    private DeviceArray<float> _cumulative = bench.Output<float>(offsets[^1]);
    private int _layers;

    public int Checked { get; private set; }

    public int TooClose { get; private set; }

    /// <summary>One layer and its event; the last where nothing remains.</summary>
    public void Layer(int remaining)
    {
        var (rows, sequences) = (_offsets[^1], _offsets.Length - 1);
        var numbers = Enumerable.Range(0, 3).Select(i => Numbers.Stored(Numbers.Normal(10 * _layers + i, rows * Columns, 0.3), type)).ToArray();
        DeviceMatrix query = Matrix(numbers[0]), keys = Matrix(numbers[1]), values = Matrix(numbers[2]);
        var onDevice = bench.Array(_offsets);
        var inSequences = new DeviceSequences(onDevice, rows);
        var logs = bench.Matrix(null, shape.Heads, rows, ElementType.Float32);
        var export = new ExportedRows(bench.Array(new int[sequences]), 1, logs);
        Attention.Launch(bench.Kernels, new AttentionInputs(query, keys, values, inSequences, inSequences, false), bench.Matrix(null, rows, Columns, type), shape, export, bench.Stream);
        var score = Score(onDevice, values, logs);
        var select = Select(onDevice, score, remaining);

        var (kept, starts) = (bench.Read(select.Rows), bench.Read(select.NewOffsets));
        for (var s = 0; s < sequences; s++) Compare(s, numbers, kept[starts[s]..starts[s + 1]], remaining);
        _offsets = starts;
        _cumulative = select.NewCumulative with { Length = starts[^1] };
        _layers++;
    }

    private int Columns => shape.Heads * shape.HeadSize;

    private DeviceMatrix Matrix(float[] values) => bench.Matrix(values, values.Length / Columns, Columns, type);

    private FlowScoreArguments Score(DeviceArray<int> onDevice, DeviceMatrix values, DeviceMatrix logs)
    {
        var statistics = new ValueStatisticsArguments
        {
            Values = values,
            Heads = shape.Heads,
            Offsets = onDevice,
            Products = bench.Matrix(null, shape.Heads, values.Rows, ElementType.Float32),
            Density = bench.Output<float>(values.Rows),
            SquaredNorms = bench.Output<float>(values.Rows),
        };
        ValueStatistics.Launch(bench.Kernels, statistics, bench.Stream);
        var score = new FlowScoreArguments
        {
            LogProbabilities = logs,
            Products = statistics.Products,
            Density = statistics.Density,
            SquaredNorms = statistics.SquaredNorms,
            Offsets = onDevice,
            MaxPatches = values.Rows,
            HasClass = true,
            Criteria = FlowCriteria.All,
            EmaWeight = _layers == 0 ? null : EmaWeight,
            Scores = bench.Output<float>(values.Rows),
            Cumulative = _cumulative,
            EntropyRatios = bench.Output<float>(onDevice.Length - 1),
        };
        FlowScore.Launch(bench.Kernels, score, bench.Stream);
        return score;
    }

    private FlowSelectArguments Select(DeviceArray<int> onDevice, FlowScoreArguments score, int remaining)
    {
        var rows = score.Cumulative.Length;
        var select = new FlowSelectArguments
        {
            Cumulative = score.Cumulative,
            Offsets = onDevice,
            MaxPatches = rows,
            HasClass = true,
            EntropyRatios = remaining == 0 ? default : score.EntropyRatios,
            Target = target,
            Remaining = remaining,
            KeepAll = target,
            Rows = bench.Output<int>(rows),
            NewOffsets = bench.Output<int>(onDevice.Length),
            NewCumulative = bench.Output<float>(rows),
        };
        FlowSelect.Launch(bench.Kernels, select, bench.Stream);
        return select;
    }

    /// <summary>The count and the rows that one sequence keeps.</summary>
    private void Compare(int sequence, float[][] numbers, int[] keptRows, int remaining)
    {
        var (first, end) = (_offsets[sequence], _offsets[sequence + 1]);
        double[][][] query = Heads(numbers[0], first, first + 1), keys = Heads(numbers[1], first, end), values = Heads(numbers[2], first, end);
        var attention = FlowReference.Attention([.. query.Select(head => head[0])], keys, overPatches: false);
        var score = FlowReference.Fuse(attention, FlowReference.Semantic(values, SemanticCriterion.ValueSoftmax), FlowReference.Density(values), Criteria.All);
        var cumulative = FlowReference.Accumulate(_expected[sequence], score, EmaWeight);
        Assert.Equal(first, keptRows[0]);
        var kept = Array.ConvertAll(keptRows[1..], row => row - first - 1);

        int[] counts = [.. new[] { -RatioError, 0, RatioError }.Select(error => Count(cumulative.Length, remaining, FlowReference.EntropyRatio(attention) + error))];
        if (counts[0] != counts[2]) TooClose++;
        else Equal([counts[1]], [kept.Length]);
        var descending = cumulative.OrderDescending().ToArray();
        if (kept.Length < descending.Length && descending[kept.Length - 1] - descending[kept.Length] <= ScoreError * (descending[kept.Length - 1] + descending[kept.Length])) TooClose++;
        else Equal(FlowReference.SelectTop(cumulative, kept.Length), kept);
        _expected[sequence] = [.. kept.Select(patch => cumulative[patch])];
    }

    private int Count(int alive, int remaining, double ratio) => alive <= target ? alive : remaining == 0
        ? target
        : Math.Max(alive - Math.Max((int)Math.Round(FlowReference.DropCount(alive, target, remaining, ratio), MidpointRounding.ToEven), 0), target);

    private void Equal(int[] expected, int[] actual)
    {
        Assert.Equal(expected, actual);
        Checked++;
    }

    /// <summary>Rows first … end − 1 as [heads][rows][head size].</summary>
    private double[][][] Heads(float[] numbers, int first, int end)
    {
        double[] Part(int row, int head) => Array.ConvertAll(numbers[(row * Columns + head * shape.HeadSize)..(row * Columns + (head + 1) * shape.HeadSize)], x => (double)x);
        return [.. Enumerable.Range(0, shape.Heads).Select(head => Enumerable.Range(first, end - first).Select(row => Part(row, head)).ToArray())];
    }
}
