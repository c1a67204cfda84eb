namespace FlowCut.Models.Pruning;

/// <summary>Options of FlowCut; the defaults are the released code (spec/flowcut.md, sections 1 to 4).</summary>
public sealed record FlowCutOptions
{
    /// <summary>T: patches of a picture left after the last event, at least 1.</summary>
    public required int Keep { get; init; }

    public Criteria Criteria { get; init; } = Criteria.All;

    public SemanticCriterion Semantic { get; init; } = SemanticCriterion.ValueSoftmax;

    /// <summary>CLS attention as a softmax over the patches alone, as the paper has it, instead of over all tokens.</summary>
    public bool AttentionOverPatches { get; init; }

    /// <summary>w of S ← (1 − w)·S + w·I: the weight of the new score, 0 &lt; w ≤ 1.</summary>
    public float EmaWeight { get; init; } = 0.5f;

    /// <summary>n: layers with remaining layers ≡ 0 (mod n) prune.</summary>
    public int PruneEvery { get; init; } = 2;

    public PruningSchedule Schedule { get; init; } = PruningSchedule.Adaptive;

    public CountPolicy Count { get; init; } = CountPolicy.Shared;

    public PositionPolicy Positions { get; init; } = PositionPolicy.Compact;

    /// <summary>The released code with target <paramref name="keep"/>.</summary>
    public static FlowCutOptions Released(int keep) => new() { Keep = keep };

    /// <summary>The formulas of the paper with target <paramref name="keep"/>.</summary>
    public static FlowCutOptions Paper(int keep) =>
        new() { Keep = keep, Semantic = SemanticCriterion.ScaledValueSoftmax, AttentionOverPatches = true };
}

/// <summary>How many tokens the pictures of a batch (crops, tiles) drop at an event.</summary>
public enum CountPolicy
{
    /// <summary>All the largest count of any of them, so that the batch stays rectangular: as released.</summary>
    Shared,
    /// <summary>Each its own.</summary>
    PerTile,
}
