using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

/// <summary>
/// One pruning event after attention, as a model queues it: value statistics, flow score, selection with its count kept on the
/// device, and the gather of the hidden rows. Each operation has cases of its own; here what one hands to the next is compared.
/// </summary>
internal sealed record FlowStepCase(int Rows, int Heads, int HeadSize, ElementType Type, int Target, int Remaining) : KernelCase
{
    private const float Sentinel = -1;

    public override Prepared Prepare(Workbench bench)
    {
        var (patches, columns) = (Rows - 1, Heads * HeadSize);
        var hidden = Numbers.Normal(1, Rows * columns);
        var statistics = Statistics(bench, columns);
        var score = Score(bench, statistics);
        var select = new FlowSelectArguments
        {
            Cumulative = score.Cumulative,
            Offsets = statistics.Offsets,
            MaxPatches = patches,
            HasClass = true,
            EntropyRatios = score.EntropyRatios,
            Target = Target,
            Remaining = Remaining,
            KeepAll = Target,
            Rows = bench.Output<int>(Rows),
            NewOffsets = bench.Output<int>(2),
            NewCumulative = bench.Output<float>(Rows),
            Mapped = bench.Output<uint>(2),
            Number = 7,
        };
        DeviceMatrix x = bench.Matrix(hidden, Rows, columns, ElementType.Float32), y = bench.Matrix([.. Enumerable.Repeat(Sentinel, Rows * columns)], Rows, columns, ElementType.Float32);
        return new Prepared(
            () =>
            {
                ValueStatistics.Launch(bench.Kernels, statistics, bench.Stream);
                FlowScore.Launch(bench.Kernels, score, bench.Stream);
                FlowSelect.Launch(bench.Kernels, select, bench.Stream);
                GatherRows.Launch(bench.Kernels, x, select.Rows, select.NewOffsets.Slice(1, 1), y, bench.Stream);
            },
            what => Compare(bench, score, select, hidden, y, what),
            statistics.Values.Bytes + score.LogProbabilities.Bytes + 2L * (Target + 1) * columns * sizeof(float));
    }

    private ValueStatisticsArguments Statistics(Workbench bench, int columns) => new()
    {
        Values = bench.Matrix(Numbers.Stored(Numbers.Normal(2, Rows * columns), Type), Rows, columns, Type),
        Heads = Heads,
        Offsets = bench.Array(0, Rows),
        Products = bench.Matrix(null, Heads, Rows, ElementType.Float32),
        Density = bench.Output<float>(Rows),
        SquaredNorms = bench.Output<float>(Rows),
    };

    private FlowScoreArguments Score(Workbench bench, in ValueStatisticsArguments statistics) => new()
    {
        LogProbabilities = bench.Matrix(Numbers.Uniform(3, Heads * Rows, 3), Heads, Rows, ElementType.Float32),
        Products = statistics.Products,
        Density = statistics.Density,
        SquaredNorms = statistics.SquaredNorms,
        Offsets = statistics.Offsets,
        MaxPatches = Rows - 1,
        HasClass = true,
        Criteria = FlowCriteria.All,
        Semantic = FlowSemantic.SoftmaxOverAll,
        Attention = bench.Output<float>(Rows),
        SemanticScores = bench.Output<float>(Rows),
        Scores = bench.Output<float>(Rows),
        Cumulative = bench.Output<float>(Rows),
        EntropyRatios = bench.Output<float>(1),
        Mapped = bench.Output<uint>(2),
        Number = 6,
    };

    private void Compare(Workbench bench, in FlowScoreArguments score, in FlowSelectArguments select, float[] hidden, DeviceMatrix y, string what)
    {
        var (patches, columns) = (Rows - 1, Heads * HeadSize);
        var cumulative = bench.Read(score.Cumulative);
        var kept = PruningOracle.Counts([patches], bench.Read(score.EntropyRatios), Target, Remaining, false)[0];
        Verify.True(kept < patches, $"{what}: nothing is dropped, so nothing is shown");
        int[] rows = [0, .. Scores.Top(cumulative[1..], kept).Select(j => j + 1)];
        Verify.Sequence([0, rows.Length], bench.Read(select.NewOffsets), $"{what}, offsets");
        Verify.Sequence(rows, bench.Read(select.Rows).Take(rows.Length), $"{what}, rows");
        Verify.Sequence(rows.Select(r => cumulative[r]), bench.Read(select.NewCumulative).Take(rows.Length), $"{what}, scores of what is kept");
        var gathered = bench.Read(y);
        for (var i = 0; i < rows.Length; i++)
            Verify.True(gathered.AsSpan(i * columns, columns).SequenceEqual(hidden.AsSpan(rows[i] * columns, columns)), $"{what}: row {i} is another one");
        Verify.True(gathered.AsSpan(rows.Length * columns).IndexOfAnyExcept(Sentinel) < 0, $"{what}: rows beyond the count were written");
    }
}

/// <summary>Whole events.</summary>
internal static class FlowStepTable
{
    public static IEnumerable<FlowStepCase> Cases =>
        from type in Enum.GetValues<ElementType>()
        from rows in new[] { 18, 65, 577 }
        select new FlowStepCase(rows, 4, 16, type, rows / 8, 4);
}
