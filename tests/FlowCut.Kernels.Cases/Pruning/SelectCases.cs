using FlowCut.Kernels.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Kernels.Cases;

internal enum ScoreKind
{
    Normal,
    /// <summary>Four different numbers.</summary>
    Ties,
    Constant,
    /// <summary>NaN, both infinities, both zeros, subnormals.</summary>
    Special,
}

internal static class Scores
{
    public static float[] Make(ScoreKind kind, int count)
    {
        var random = new Random(count);
        float[] special = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1e-42f, -1e-42f, 1, -1, 3e38f];
        return kind switch
        {
            ScoreKind.Normal => Numbers.Normal(count, count),
            ScoreKind.Ties => [.. Enumerable.Range(0, count).Select(_ => 0.25f * random.Next(4))],
            ScoreKind.Constant => [.. Enumerable.Repeat(0.3f, count)],
            _ => [.. Enumerable.Range(0, count).Select(_ => special[random.Next(special.Length)])],
        };
    }

    public static int[] Top(float[] scores, int count) => FlowReference.SelectTop(Array.ConvertAll(scores, x => (double)x), count);
}

internal sealed record FlowSelectCase(string Lengths, bool HasClass, ScoreKind Kind, int Target, int Remaining, bool Shared, string Ratios) : KernelCase
{
    /// <summary>Counts that are given: the same for all (Ratios is empty), or the numbers in Ratios where Remaining is −1.</summary>
    private bool Given => Remaining <= 0;

    public override Prepared Prepare(Workbench bench)
    {
        var offsets = Sequences.Offsets(Lengths);
        int rows = offsets[^1], sequences = offsets.Length - 1;
        var scores = Scores.Make(Kind, rows);
        var numbers = Ratios.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(x => float.Parse(x, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        var arguments = new FlowSelectArguments
        {
            Cumulative = bench.Array(scores),
            Offsets = bench.Array(offsets),
            MaxPatches = Enumerable.Range(1, sequences).Select(s => offsets[s] - offsets[s - 1]).DefaultIfEmpty(0).Max(),
            HasClass = HasClass,
            EntropyRatios = Given ? default : bench.Array(numbers),
            Target = Target,
            Remaining = Math.Max(Remaining, 0),
            SharedCount = Shared,
            Keep = Remaining < 0 ? bench.Array(Array.ConvertAll(numbers, x => (int)x)) : default,
            KeepAll = Target,
            Rows = bench.Output<int>(rows),
            NewOffsets = bench.Output<int>(sequences + 1),
            NewCumulative = bench.Output<float>(rows),
            Mapped = bench.Output<uint>(sequences + 1),
            Number = 5,
        };
        return new Prepared(
            () => FlowSelect.Launch(bench.Kernels, arguments, bench.Stream),
            what => Compare(bench, arguments, offsets, scores, numbers, what),
            arguments.Cumulative.Bytes);
    }

    private void Compare(Workbench bench, FlowSelectArguments arguments, int[] offsets, float[] scores, float[] numbers, string what)
    {
        var first = HasClass ? 1 : 0;
        var alive = Enumerable.Range(1, offsets.Length - 1).Select(s => Math.Max(offsets[s] - offsets[s - 1] - first, 0)).ToArray();
        var kept = Remaining < 0 ? [.. alive.Select((n, i) => Math.Min(n, (int)numbers[i]))] : Given ? [.. alive.Select(n => Math.Min(n, Target))] : PruningOracle.Counts(alive, numbers, Target, Remaining, Shared);
        var rows = new List<int>();
        var newOffsets = new List<int> { 0 };
        for (var s = 0; s < alive.Length; s++)
        {
            var start = offsets[s];
            if (HasClass && offsets[s + 1] > start) rows.Add(start);
            rows.AddRange(Scores.Top(scores[Math.Min(start + first, scores.Length)..Math.Max(offsets[s + 1], Math.Min(start + first, scores.Length))], kept[s]).Select(j => start + first + j));
            newOffsets.Add(rows.Count);
        }

        if (alive.Length == 0) return;
        Verify.Sequence(newOffsets, bench.Read(arguments.NewOffsets), $"{what}, offsets");
        Verify.True(rows.SequenceEqual(bench.Read(arguments.Rows).Take(rows.Count)), $"{what}: other rows are kept");
        Verify.Sequence(rows.Select(r => scores[r]), bench.Read(arguments.NewCumulative).Take(rows.Count), $"{what}, scores of what is kept");
        Verify.Sequence([.. kept.Select(k => (uint)k), 5u], bench.Read(arguments.Mapped), $"{what}, what the host reads");
    }
}

internal sealed record SelectTopCase(int Rows, int Columns, int Count, ScoreKind Kind, Layout Layout = default, int Group = 1) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var scores = Enumerable.Range(0, Rows).SelectMany(row => Scores.Make(Kind, Columns).Select((x, i) => i == row ? 0.1f : x)).ToArray();
        var x = bench.Matrix(scores, Rows, Columns, ElementType.Float32, Layout);
        DeviceArray<int> indices = bench.Output<int>(Rows * Count * Group);
        var values = bench.Output<float>(Rows * Count);
        return new Prepared(
            () => SelectTop.Launch(bench.Kernels, x, indices, values, Group, Count, 100, bench.Stream),
            what =>
            {
                var sums = scores.Chunk(Group).Select(group => group.Skip(1).Aggregate(group[0], (sum, score) => sum + score)).ToArray();
                var groups = Columns / Group;
                var expected = Enumerable.Range(0, Rows).SelectMany(row => Scores.Top(sums[(row * groups)..((row + 1) * groups)], Count).Select(g => (Row: row, Number: g))).ToArray();
                Verify.True(expected.SelectMany(e => Enumerable.Range(e.Number * Group + 100, Group)).SequenceEqual(bench.Read(indices)), $"{what}: other columns are selected");
                Verify.Sequence(expected.Select(e => sums[e.Row * groups + e.Number]), bench.Read(values), $"{what}, values");
            },
            x.Bytes);
    }
}

/// <summary>Selections by a count and by flow.</summary>
internal static class SelectTable
{
    public static IEnumerable<KernelCase> Cases =>
    [
        .. from length in new[] { "", "0", "1", "2", "15", "16", "17", "63", "64", "65", "577", "2881" }
           from kind in new[] { ScoreKind.Normal, ScoreKind.Ties }
           select new FlowSelectCase(length, true, kind, 16, 4, false, length.Length == 0 ? "" : "0.6"),
        .. from kind in Enum.GetValues<ScoreKind>() from hasClass in new[] { true, false } select new FlowSelectCase("577", hasClass, kind, 64, 0, false, ""),
        .. from shared in new[] { true, false } select new FlowSelectCase("101 101 101", true, ScoreKind.Normal, 20, 2, shared, "0.9 0.5 0.99"),
        .. from shared in new[] { true, false } select new FlowSelectCase("101 0 1 60 10 33", true, ScoreKind.Normal, 20, 2, shared, "0.9 0 0 0.5 0.1 0.3"),
        new FlowSelectCase("50 50", true, ScoreKind.Normal, 5, 2, false, "NaN 1.0000001"),
        new FlowSelectCase("50 50 7", false, ScoreKind.Ties, 0, -1, false, "0 50 99"),
        new FlowSelectCase(string.Join(' ', Enumerable.Repeat("3", 300)), true, ScoreKind.Normal, 1, 1, true, string.Join(' ', Enumerable.Repeat("0.5", 300))),
        new FlowSelectCase("4100", true, ScoreKind.Normal, 100, 6, false, "0.4"),
        .. from count in new[] { 0, 1, 31, 63, 64 } from kind in Enum.GetValues<ScoreKind>() select new SelectTopCase(3, 64, count, kind),
        .. from columns in new[] { 0, 1, 577, 1024, 1025, 16384 } select new SelectTopCase(1, columns, columns / 3, ScoreKind.Normal),
        new SelectTopCase(2, 5000, 4999, ScoreKind.Ties, Layout.Misaligned),
        .. from kind in Enum.GetValues<ScoreKind>() from count in new[] { 0, 5, 16 } select new SelectTopCase(2, 64, count, kind, default, 4),
        new SelectTopCase(1, 1024, 64, ScoreKind.Normal, Layout.Misaligned, 4),
        new SelectTopCase(1, 65536, 4096, ScoreKind.Normal, default, 4),
    ];
}
