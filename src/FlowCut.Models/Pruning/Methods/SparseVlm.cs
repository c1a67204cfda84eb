namespace FlowCut.Models.Pruning.Methods;

/// <param name="isPlus">SparseVLM+.</param>
internal sealed class SparseVlmMethod(bool isPlus) : PruningMethod
{
    public override string Name => SparseVlm.NameOf(isPlus);

    public override string Summary => isPlus
        ? "drops visual tokens in stages in the language model, by what the words nearest to the picture attend to, positions discounted, in the 14 most interested heads"
        : "drops visual tokens in stages in the language model, by what the words nearest to the picture attend to, and merges some of the dropped ones";

    public override string Source => isPlus
        ? "SparseVLM+ (code of SparseVLM, version 2.0)"
        : "SparseVLM, ICML 2025 (arXiv 2410.04417); code version 1.5 with its fixed counts, no noise in the densities";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("layers", "decoder layers after which tokens are dropped, ascending, joined by commas", "2,6,15, in proportion to the decoder's layers"),
        new("counts", "visual tokens that stay after each of them, 1 or more, joined by commas", "by --keep"),
    ];

    public override IReadOnlyList<string> BudgetOptions => ["counts"];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings)
    {
        var (layers, counts) = (settings.Ints("layers", 0, ascending: true), settings.Ints("counts", 1, ascending: false));
        var stages = layers?.Length ?? SparseVlm.PublishedLayers.Count;
        if (counts is not null && counts.Length != stages) throw new InputException($"{Name}: {stages} layers drop tokens, and counts has {counts.Length} entries; each layer has its count");
        if (counts is null && stages != SparseVlm.PublishedLayers.Count)
            throw new InputException($"{Name}: --keep has counts for {SparseVlm.PublishedLayers.Count} layers, and layers names {stages}; give counts too, in place of --keep");
        return new SparseVlm(isPlus, keep, layers, counts);
    }
}

/// <summary>
/// SparseVLM and SparseVLM+: raters among the text behind the pictures judge by their attention, at three layers (spec/rivals.md,
/// "SparseVLM", "SparseVLM+").
/// </summary>
/// <param name="IsPlus">Scores are divided by what the rotation alone would give, nothing is merged, positions are kept.</param>
/// <param name="Budget">T of the tables; null: counts are given.</param>
/// <param name="Layers">After which tokens are dropped; null: as published.</param>
/// <param name="Counts">Tokens that stay after each.</param>
internal sealed record SparseVlm(bool IsPlus, int? Budget, int[]? Layers, int[]? Counts) : IPruningStrategy
{
    private static readonly (int Budget, int[] Counts, int[] PlusCounts)[] s_published =
    [
        (192, [300, 200, 110], [300, 200, 118]),
        (128, [303, 110, 36], [238, 108, 60]),
        (96, [238, 48, 26], [246, 54, 28]),
        (64, [66, 30, 17], [66, 34, 20]),
    ];

    public static IReadOnlyList<int> PublishedLayers { get; } = [2, 6, 15];

    public string Name => NameOf(IsPlus);

    public int Keep => Budget ?? Counts![^1];

    public bool PrunesEncoder => false;

    public PositionPolicy? Positions => IsPlus ? PositionPolicy.Original : PositionPolicy.Compact;

    /// <summary>The noise that the authors draw for the densities of recycled tokens, by layer; null: none, and the earlier of equal ones is denser.</summary>
    internal Func<int, float[]>? Noise { get; init; }

    public static string NameOf(bool isPlus) => isPlus ? "sparsevlm-plus" : "sparsevlm";

    public IDecoderPruning? BeginDecoder(DecoderStage stage)
    {
        var layers = Layers is null ? PublishedSizes.Layers(Name, PublishedLayers, stage.Layers, behind: 2) : PublishedSizes.Check(Name, Layers, stage.Layers, behind: 2);
        var drops = Plan(stage, layers);
        if (drops.Count == 0) return null;
        return IsPlus ? new SparseVlmPlusRun(stage, drops) : new SparseVlmRun(stage, drops, Noise);
    }

    /// <summary>At every layer at least one token goes, as long as there are two.</summary>
    private List<DecoderDrop> Plan(DecoderStage stage, int[] layers)
    {
        var alive = stage.Pictures.Select(p => p.Count).ToArray();
        var drops = new List<DecoderDrop>();
        for (var i = 0; i < layers.Length && alive.Any(count => count > 1); i++)
        {
            int[] kept = [.. alive.Select((count, picture) => count == 1 ? 1 : Math.Max(1, Math.Min(CountsOf(stage.Pictures[picture].Count)[i], count - 1)))];
            int[] merged = [.. alive.Zip(kept, (before, after) => IsPlus || before == after ? 0 : SparseVlmRun.Clusters(before - after))];
            drops.Add(new DecoderDrop(layers[i], kept, merged));
            alive = [.. kept.Zip(merged, (a, b) => a + b)];
        }

        return drops;
    }

    private int[] CountsOf(int tokens)
    {
        if (Counts is not null) return Counts;
        var row = PublishedSizes.Nearest(s_published, r => r.Budget, Budget!.Value, tokens);
        return Array.ConvertAll(IsPlus ? row.PlusCounts : row.Counts, count => PublishedSizes.Count(count, row.Budget, Budget.Value));
    }
}
