using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

/// <param name="Lengths">Rows of each sequence.</param>
/// <param name="Heads">Of the attention.</param>
/// <param name="ValueHeads">Of the values.</param>
/// <param name="HasClass">Row 0 of each sequence is CLS.</param>
/// <param name="Semantic">How values are compared.</param>
/// <param name="Criteria">What enters.</param>
/// <param name="OverPatches">The attention's softmax goes over the patches.</param>
/// <param name="EmaWeight">w.</param>
/// <param name="Underflow">How far the patches' logarithms lie below CLS.</param>
/// <param name="Layout">Of the matrices.</param>
internal sealed record FlowScoreCase(string Lengths, int Heads, int ValueHeads, bool HasClass, FlowSemantic Semantic, FlowCriteria Criteria = FlowCriteria.All, bool OverPatches = false, float? EmaWeight = null, double Underflow = 0, Layout Layout = default) : KernelCase
{
    private const float Scale = 0.125f;

    public override Prepared Prepare(Workbench bench)
    {
        var offsets = Sequences.Offsets(Lengths);
        var rows = offsets[^1];
        float[] logs = Numbers.Normal(1, Heads * rows, 1.5), products = Numbers.Normal(2, ValueHeads * rows, 2);
        foreach (var start in HasClass ? offsets[..^1] : [])
        {
            if (start >= rows) continue;
            // CLS is similar to itself, in some heads much more than in others
            for (var h = 0; h < ValueHeads; h++) products[h * rows + start] += (float)(Underflow * (1 + h % 2 * 0.3));
        }

        for (var i = 0; i < logs.Length; i++) logs[i] -= (float)(Underflow * (1 + i / Math.Max(rows, 1) % 3 * 0.4));
        var density = Numbers.Normal(3, rows).Select(Math.Abs).ToArray();
        var norms = Enumerable.Range(0, rows).Select(j => 30 + Math.Abs(products[j])).ToArray();
        if (rows > 20) norms[11] = 0;
        var before = Numbers.Normal(4, rows).Select(Math.Abs).ToArray();
        var arguments = new FlowScoreArguments
        {
            LogProbabilities = bench.Matrix(logs, Heads, rows, ElementType.Float32, Layout),
            Products = bench.Matrix(products, ValueHeads, rows, ElementType.Float32, Layout),
            Density = bench.Array(density),
            SquaredNorms = bench.Array(norms),
            Offsets = bench.Array(offsets),
            MaxPatches = Enumerable.Range(1, offsets.Length - 1).Select(s => offsets[s] - offsets[s - 1]).DefaultIfEmpty(0).Max(),
            HasClass = HasClass,
            Criteria = Criteria,
            Semantic = Semantic,
            SemanticScale = Scale,
            AttentionOverPatches = OverPatches,
            EmaWeight = EmaWeight,
            Attention = bench.Output<float>(rows),
            SemanticScores = bench.Output<float>(rows),
            Scores = bench.Output<float>(rows),
            Cumulative = bench.Array(before),
            EntropyRatios = bench.Output<float>(offsets.Length - 1),
            Mapped = bench.Output<uint>(2 * (offsets.Length - 1)),
            Number = 77,
        };
        return new Prepared(
            () => FlowScore.Launch(bench.Kernels, arguments, bench.Stream),
            what => Compare(bench, arguments, offsets, new Inputs(logs, products, density, norms, before), what),
            arguments.LogProbabilities.Bytes + arguments.Products.Bytes);
    }

    private sealed record Inputs(float[] Logs, float[] Products, float[] Density, float[] Norms, float[] Before);

    private void Compare(Workbench bench, FlowScoreArguments arguments, int[] offsets, Inputs inputs, string what)
    {
        float[] attention = bench.Read(arguments.Attention), semantic = bench.Read(arguments.SemanticScores), scores = bench.Read(arguments.Scores), cumulative = bench.Read(arguments.Cumulative);
        var (ratios, mapped) = (bench.Read(arguments.EntropyRatios), bench.Read(arguments.Mapped));
        for (var s = 0; s + 1 < offsets.Length; s++)
        {
            Verify.Equal((ratios[s], 77u), (BitConverter.UInt32BitsToSingle(mapped[2 * s]), mapped[2 * s + 1]), $"{what}, sequence {s}: what the host reads");
            int first = HasClass ? 1 : 0, start = offsets[s] + first, patches = offsets[s + 1] - start;
            if (HasClass && patches >= 0) Verify.Equal((0f, 0f, 0f, float.PositiveInfinity), (attention[start - 1], semantic[start - 1], scores[start - 1], cumulative[start - 1]), $"{what}, sequence {s}: the scores of CLS");
            if (patches <= 0)
            {
                Verify.Equal(0, ratios[s], $"{what}, sequence {s}: the entropy ratio");
                continue;
            }

            var (a, logA) = PruningOracle.HeadMean(Rows(inputs.Logs, Heads, offsets, s), 1, first, false, !OverPatches);
            var (m, logM) = SemanticOf(inputs, offsets, s, first);
            var d = inputs.Density.AsSpan(start, patches).ToArray().Select(x => (double)x).ToArray();
            var score = PruningOracle.Fuse(a, m, d, (int)Criteria);
            var where = $"{what}, sequence {s}";
            Near([.. a.Select(x => x * Math.Exp(logA))], attention.AsSpan(start, patches), where + ", a");
            Near([.. m.Select(x => x * Math.Exp(logM))], semantic.AsSpan(start, patches), where + ", s");
            Tolerance.FlowScore.Check(score, scores.AsSpan(start, patches), ElementType.Float32, where + ", I");
            double w = EmaWeight ?? 1;
            Tolerance.FlowScore.Check([.. score.Select((x, j) => EmaWeight is null ? x : (1 - w) * inputs.Before[start + j] + w * x)], cumulative.AsSpan(start, patches), ElementType.Float32, where + ", S");
            Tolerance.EntropyRatio.Check([Models.Pruning.Reference.FlowReference.EntropyRatio(a)], ratios.AsSpan(s, 1), ElementType.Float32, where + ", h");
        }
    }

    /// <summary>Not normalised, the shares are e^(some hundreds): the exponent's rounding shows, and what is 10⁻³⁶ of the largest is 0.</summary>
    private void Near(double[] expected, ReadOnlySpan<float> actual, string what) =>
        new Tolerance(1e-37 + 1e-36 * expected.Max(), 96 + 3 * Underflow).Check(expected, actual, ElementType.Float32, what);

    private (double[] Normalised, double LogSum) SemanticOf(Inputs inputs, int[] offsets, int s, int first)
    {
        var rows = Rows(inputs.Products, ValueHeads, offsets, s);
        if (Semantic != FlowSemantic.Cosine)
        {
            var all = Semantic == FlowSemantic.SoftmaxOverAll;
            return PruningOracle.HeadMean(rows, all ? 1 : Scale, first, all, false);
        }

        var norms = inputs.Norms.AsSpan(offsets[s], offsets[s + 1] - offsets[s]).ToArray().Select(x => (double)x).ToArray();
        var cosines = PruningOracle.Cosine(rows, norms, norms[0])[first..];
        var sum = cosines.Sum();
        return sum == 0 ? (cosines, 0) : ([.. cosines.Select(c => c / sum)], Math.Log(sum));
    }

    private static double[][] Rows(float[] values, int heads, int[] offsets, int s) =>
        [.. Enumerable.Range(0, heads).Select(h => values.AsSpan(h * offsets[^1] + offsets[s], offsets[s + 1] - offsets[s]).ToArray().Select(x => (double)x).ToArray())];
}

/// <summary>Flow scores: lengths, criteria, softmaxes that underflow.</summary>
internal static class FlowScoreTable
{
    private static readonly FlowSemantic[] s_kinds = Enum.GetValues<FlowSemantic>();

    public static IEnumerable<FlowScoreCase> Cases =>
    [
        .. from length in new[] { "", "0", "1", "2", "15", "16", "17", "63", "64", "65", "577", "2881" } select new FlowScoreCase(length, 2, 2, true, FlowSemantic.SoftmaxOverAll, EmaWeight: 0.5f),
        .. from kind in s_kinds from over in new[] { false, true } select new FlowScoreCase("65 0 1 2 40", 16, 4, true, kind, OverPatches: over, EmaWeight: 0.3f),
        .. from kind in s_kinds.Skip(1) select new FlowScoreCase("65 0 1 2 40", 3, 5, false, kind, OverPatches: true),
        .. from criteria in Enumerable.Range(1, 7) select new FlowScoreCase("50", 4, 4, true, FlowSemantic.SoftmaxOverAll, (FlowCriteria)criteria, EmaWeight: 1),
        .. from underflow in new[] { 40.0, 150, 300 } from over in new[] { false, true } select new FlowScoreCase("100 7", 5, 5, true, FlowSemantic.SoftmaxOverAll, OverPatches: over, Underflow: underflow),
        new FlowScoreCase("1025", 32, 32, true, FlowSemantic.SoftmaxOverAll),
        new FlowScoreCase("4098", 1, 1, true, FlowSemantic.SoftmaxOverPatches),
        new FlowScoreCase("33 20", 128, 1, true, FlowSemantic.SoftmaxOverAll, Layout: Layout.Misaligned),
    ];
}
