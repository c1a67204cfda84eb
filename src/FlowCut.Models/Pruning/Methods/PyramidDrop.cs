namespace FlowCut.Models.Pruning.Methods;

internal sealed class PyramidDropMethod : PruningMethod
{
    public override string Name => "pdrop";

    public override string Summary => "drops visual tokens in stages in the language model, by what the last prompt token attends to";

    public override string Source => "PyramidDrop, CVPR 2025 (arXiv 2410.17247). Only the average of 270 (layers=8,16,24, ratios=0.5,0.25,0.125) is the authors' schedule; the others are this project's choice";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("layers", "decoder layers before which tokens are dropped, ascending, joined by commas", "by --keep"),
        new("ratios", "the share of all visual tokens that stays at each of them, in (0, 1], joined by commas", "by --keep"),
    ];

    public override IReadOnlyList<string> BudgetOptions => ["layers", "ratios"];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings)
    {
        var (layers, ratios) = (settings.Ints("layers", 1, ascending: true), settings.Numbers("ratios", double.Epsilon, 1));
        if (layers?.Length != ratios?.Length) throw new InputException($"pdrop: layers has {layers!.Length} entries and ratios {ratios!.Length}; each layer has its ratio");
        return new PyramidDrop(keep, layers, ratios);
    }
}

/// <summary>
/// PyramidDrop: at each stage the visual tokens stay that the last prompt token would attend to most in the layer behind, if nothing
/// were dropped; positions begin at 0 again (spec/rivals.md, "PyramidDrop").
/// </summary>
/// <param name="Budget">T: average over the decoder's layers; null: the schedule is given.</param>
/// <param name="Layers">Before which tokens are dropped.</param>
/// <param name="Ratios">Of all visual tokens of a picture, one for each layer; ⌊N·ratio⌋ stay.</param>
internal sealed record PyramidDrop(int? Budget, int[]? Layers, double[]? Ratios) : IPruningStrategy
{
    private static readonly (int Budget, int[] Layers, double[] Ratios)[] s_published =
    [
        (270, [8, 16, 24], [0.5, 0.25, 0.125]),
        (192, [2, 6, 15], [0.68, 0.34, 0.17]),
        (128, [2, 6, 15], [0.4, 0.2, 0.1]),
        (64, [2, 6, 15], [0.125, 0.0625, 0.03125]),
    ];

    public string Name => "pdrop";

    /// <summary>Where the schedule is given what stays of LLaVA-1.5's 576 tokens.</summary>
    public int Keep => Budget ?? Math.Max(1, (int)(576 * Ratios![^1]));

    public bool PrunesEncoder => false;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public IDecoderPruning? BeginDecoder(DecoderStage stage)
    {
        if (stage.Pictures.Count == 0) return null;
        // the layers of a prompt are those for its largest picture
        var layers = Layers is not null
            ? PublishedSizes.Check(Name, Layers, stage.Layers, behind: 1)
            : PublishedSizes.Layers(Name, Row(stage.Pictures.Max(p => p.Count)).Layers, stage.Layers, behind: 1);
        var drops = DecoderDrop.Plan(stage, [.. layers.Select(layer => layer - 1)], Counts);
        return drops.Count > 0 ? new LastRowRun(stage, drops, byNext: true) : null;
    }

    private int[] Counts(int tokens)
    {
        if (Ratios is not null) return Array.ConvertAll(Ratios, ratio => Math.Max(1, (int)(tokens * ratio)));
        var row = Row(tokens);
        return PublishedSizes.Falling(Array.ConvertAll(row.Ratios, ratio => (int)(tokens * PublishedSizes.Share(ratio, row.Budget, Budget!.Value, tokens))), tokens);
    }

    private (int Budget, int[] Layers, double[] Ratios) Row(int tokens) => PublishedSizes.Nearest(s_published, row => row.Budget, Budget!.Value, tokens);
}
