using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class VScanMethod : PruningMethod
{
    public override string Name => "vscan";

    public override string Summary => "keeps patches by the CLS attention of two layers, in windows and overall, merges the others into them, and drops more in the language model";

    public override string Source => "VScan, TMLR 2026 (arXiv 2505.22654). The split of a budget over encoder and language model follows the authors' third";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("encoder-keep", "visual tokens that enter the language model, 1 or more", "1.5 times --keep"),
        new("layers", "a decoder layer before which tokens are dropped", "16, in proportion to the decoder's layers"),
        new("counts", "visual tokens that stay there, 1 or more", "half of --keep"),
    ];

    public override IReadOnlyList<string> BudgetOptions => ["encoder-keep", "counts"];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) =>
        new VScan(keep, settings.Int("encoder-keep", 1), settings.Int("layers", 1), settings.Int("counts", 1));
}

/// <summary>
/// VScan: half of the patches by the CLS attention of an early layer, the same number in each of 16 windows; the rest by that of the last
/// layer. Behind the connector every other token joins the kept one that it is most like, and these become means. One stage of
/// PyramidDrop follows (spec/rivals.md, "VScan").
/// </summary>
/// <param name="Budget">T: average over the decoder's layers; null: both counts are given.</param>
/// <param name="EncoderKeep">T_v: tokens that enter the language model, a few fewer where they do not divide; null: 3/2·T.</param>
/// <param name="Layer">Before which the language model drops; null: as published.</param>
/// <param name="Count">T_l: tokens that stay there; null: T/2.</param>
internal sealed record VScan(int? Budget, int? EncoderKeep, int? Layer, int? Count) : IPruningStrategy
{
    private const int WindowsPerSide = 4, Windows = WindowsPerSide * WindowsPerSide;

    public string Name => "vscan";

    public int Keep => Budget ?? Count!.Value;

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public ITokenReduction? BeginReduction(EncoderStage stage)
    {
        foreach (var (columns, rows) in stage.Grids)
        {
            if (columns % WindowsPerSide != 0 || rows % WindowsPerSide != 0)
                throw new InputException($"vscan cannot cut a grid of {columns}×{rows} patches into {WindowsPerSide}×{WindowsPerSide} equal windows");
        }

        var early = Math.Max(1, PublishedSizes.Round(5.0 * stage.Depth / 24));
        var tokens = Enumerable.Range(0, stage.Sequences.Count).Min(stage.Tokens);
        var keep = EncoderKeep ?? PublishedSizes.Falling([PublishedSizes.Round(1.5 * Budget!.Value)], tokens)[0];
        return early < stage.LayersRun
            ? new Run(stage, this, keep, early)
            : throw new InputException($"vscan looks at encoder layer {early} and the last one; {stage.LayersRun} are run");
    }

    public IDecoderPruning? BeginDecoder(DecoderStage stage)
    {
        var layer = Layer is { } given ? PublishedSizes.Check(Name, [given], stage.Layers, behind: 1)[0] : PublishedSizes.Layers(Name, [16], stage.Layers, behind: 1)[0];
        var drops = DecoderDrop.Plan(stage, [layer - 1], tokens => Count is { } count ? [count] : PublishedSizes.Falling([PublishedSizes.Round(0.5 * Budget!.Value)], tokens));
        return drops.Count > 0 ? new LastRowRun(stage, drops, byNext: true) : null;
    }

    private sealed class Run(EncoderStage stage, VScan options, int keep, int early) : ClassAttentionReduction(stage, options.Name, keep, early, stage.LayersRun - 1)
    {
        private readonly int _early = early, _keep = keep;

        public override bool AfterConnector => true;

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            float[] near = Attention(_early, features.Sequence), far = Attention(Stage.LayersRun - 1, features.Sequence);
            var local = Local(near, Stage.Grids[features.Sequence].Columns, _keep / 2 / Windows);
            foreach (var patch in local) far[patch] = 0;
            var global = Ranking.Largest(far, _keep - _keep / 2);
            int[] kept = [.. local.Concat(global).Distinct().Order()];
            int[] sources = [.. Enumerable.Range(0, far.Length).Except(kept)];
            var into = sources.Length == 0 ? [] : Nearest(Pairwise(PairMeasure.Cosine, features.Tokens, sources, kept));
            var mix = new RowMix();
            for (var i = 0; i < kept.Length; i++)
            {
                mix.AddMean([kept[i], .. sources.Where((_, source) => into[source] == i)]);
                mix.EndRow();
            }

            Write(features, ("local_scores", near), ("global_scores", far));
            Write(features, ("local_indices", local), ("global_indices", global), ("merge_sources", sources), ("merge_into", into));
            return new ReducedTokens { Numbers = kept, Kept = kept, Mix = mix };
        }

        /// <summary>The best patches of each window, window by window.</summary>
        private static int[] Local(float[] attention, int columns, int each)
        {
            var (width, height) = (columns / WindowsPerSide, attention.Length / columns / WindowsPerSide);
            var local = new List<int>();
            for (var window = 0; window < Windows; window++)
            {
                var first = window / WindowsPerSide * height * columns + window % WindowsPerSide * width;
                int[] patches = [.. Enumerable.Range(0, width * height).Select(i => first + i / width * columns + i % width)];
                local.AddRange(Ranking.Largest(Array.ConvertAll(patches, patch => attention[patch]), each).Select(i => patches[i]));
            }

            return [.. local];
        }

        private static void Write(TokenFeatures features, params (string Name, float[] Values)[] scores)
        {
            foreach (var (name, values) in scores) features.Trace?.Add(name, values);
        }

        private static void Write(TokenFeatures features, params (string Name, int[] Values)[] indices)
        {
            foreach (var (name, values) in indices) features.Trace?.Add(name, values);
        }
    }
}
