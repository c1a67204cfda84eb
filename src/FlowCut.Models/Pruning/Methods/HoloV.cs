using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class HoloVMethod : PruningMethod
{
    public override string Name => "holov";

    public override string Summary => "gives runs of neighbouring patches shares of the budget by CLS attention, and keeps each run's best";

    public override string Source => "HoloV, NeurIPS 2025 (arXiv 2510.02912); as its code computes";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("runs", "a whole number of equal runs, 1 or more", "16"),
        new("alpha", "the weight of the variance term, 0 or more; it changes run scores, not what is kept", "0.09"),
    ];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) =>
        new HoloV(keep!.Value, settings.Int("runs", 1) ?? 16, settings.Number("alpha", 0, double.MaxValue) ?? 0.09);
}

/// <summary>
/// HoloV: quotas of the budget to runs of consecutive patches, filled by CLS attention in descending order; a run that has fewer patches
/// than its quota leaves rows of zeros behind the others (spec/rivals.md, "HoloV").
/// </summary>
/// <param name="Keep">T.</param>
/// <param name="Runs">Equal runs of the patches in raster order.</param>
/// <param name="Alpha">Of the variance term.</param>
/// <remarks>
/// A token's score is 1000·a + α·var·mean|1000·a|/mean var, so that a run's mean is 1000·(1 + α)·mean a, whatever the variances of
/// similarities are: these are not computed. The difference is the released code's guard against a division by zero, a few millionths.
/// </remarks>
internal sealed record HoloV(int Keep, int Runs, double Alpha) : IPruningStrategy
{
    private const double Scale = 1000, Guard = 1e-6;

    public string Name => "holov";

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public ITokenReduction? BeginReduction(EncoderStage stage)
    {
        for (var i = 0; i < stage.Sequences.Count; i++)
        {
            if (stage.Patches(i) % Runs != 0) throw new InputException($"holov cannot cut {stage.Patches(i)} patches into {Runs} equal runs");
        }

        return new Run(stage, this);
    }

    /// <summary>Patches that each run may keep: ⌊T·share⌋, what is left one each to the largest scores.</summary>
    public static int[] Quotas(float[] scores, int keep)
    {
        var sum = scores.Sum(score => (double)score) + Guard;
        var quotas = Array.ConvertAll(scores, score => (int)(keep * (score / sum)));
        foreach (var run in Ranking.Largest(scores, Math.Min(scores.Length, keep - quotas.Sum()))) quotas[run]++;
        return quotas;
    }

    private sealed class Run(EncoderStage stage, HoloV options) : ClassAttentionReduction(stage, options.Name, options.Keep, stage.LayersRun - 1)
    {
        /// <summary>Its rows of zeros are tokens of the language model, not features.</summary>
        public override bool AfterConnector => true;

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            var attention = Attention(Stage.LayersRun - 1, features.Sequence);
            var length = attention.Length / options.Runs;
            var runs = Enumerable.Range(0, options.Runs).Select(run => attention[(run * length)..((run + 1) * length)]).ToArray();
            var scores = Array.ConvertAll(runs, run => (float)(Scale * (1 + options.Alpha) * run.Average(a => (double)a)));
            var quotas = Quotas(scores, options.Keep);
            var order = new List<int>();
            for (var run = 0; run < runs.Length; run++)
            {
                var chosen = quotas[run] >= length ? Enumerable.Range(0, length) : Ranking.Largest(runs[run], quotas[run]);
                order.AddRange(chosen.Select(patch => run * length + patch));
            }

            var mix = new RowMix();
            for (var i = 0; i < options.Keep; i++)
            {
                if (i < order.Count) mix.Add(order[i], 1);
                mix.EndRow();
            }

            int[] numbers = [.. order, .. Enumerable.Repeat(-1, options.Keep - order.Count)];
            features.Trace?.Add("scores", attention);
            features.Trace?.Add("patch_scores", scores);
            features.Trace?.Add("patch_quota", quotas);
            features.Trace?.Add("selection_order", numbers);
            return new ReducedTokens { Numbers = numbers, Kept = [.. order.Order()], Mix = mix };
        }
    }
}
