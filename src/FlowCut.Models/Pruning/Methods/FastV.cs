namespace FlowCut.Models.Pruning.Methods;

internal sealed class FastVMethod : PruningMethod
{
    public override string Name => "fastv";

    public override string Summary => "drops visual tokens once, early in the language model, by what the last prompt token attends to";

    public override string Source => "FastV, ECCV 2024 (arXiv 2403.06764); pruned once, with a KV cache. The count for a budget, its average over the layers, is a rule of this project";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("layer", "a decoder layer, 1 or more, before which tokens are dropped", "2, in proportion to the decoder's layers"),
        new("count", "visual tokens that stay, 1 or more", "by --keep"),
    ];

    public override IReadOnlyList<string> BudgetOptions => ["count"];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new FastV(keep, settings.Int("layer", 1), settings.Int("count", 1));
}

/// <summary>
/// FastV: the visual tokens with the largest s_j = mean over heads of A^{K−1}[h, last, j] stay, all text stays, positions are kept with
/// their gaps (spec/rivals.md, "FastV").
/// </summary>
/// <param name="Budget">T: average over the decoder's layers; null: the count is given.</param>
/// <param name="Layer">K: tokens are dropped before it; null: as published.</param>
/// <param name="Count">Tokens that stay; null: (L·T − K·N)/(L − K).</param>
internal sealed record FastV(int? Budget, int? Layer, int? Count) : IPruningStrategy
{
    public string Name => "fastv";

    public int Keep => Budget ?? Count!.Value;

    public bool PrunesEncoder => false;

    public PositionPolicy? Positions => PositionPolicy.Original;

    public IDecoderPruning? BeginDecoder(DecoderStage stage)
    {
        var layer = Layer is { } given ? PublishedSizes.Check(Name, [given], stage.Layers, behind: 1)[0] : PublishedSizes.Layers(Name, [2], stage.Layers, behind: 1)[0];
        var drops = DecoderDrop.Plan(stage, [layer - 1], tokens => [Count ?? CountOf(Budget!.Value, layer, tokens, stage.Layers)]);
        return drops.Count > 0 ? new LastRowRun(stage, drops, byNext: false) : null;
    }

    private static int CountOf(int budget, int layer, int tokens, int layers)
    {
        if (Rounded(budget) >= 1) return Rounded(budget);
        var least = budget;
        while (Rounded(least) < 1) least++;
        throw new InputException($"fastv cannot come to an average of {budget} visual tokens: {layer} of {layers} layers see all {tokens}, so that {least} is the least");

        int Rounded(int keep) => PublishedSizes.Round(((double)layers * keep - (double)layer * tokens) / (layers - layer));
    }
}
