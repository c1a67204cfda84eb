namespace FlowCut.Models.Pruning;

/// <summary>Options of FlowCut; the defaults are the released code (spec/flowcut.md, sections 1 to 4).</summary>
public sealed record FlowCutOptions
{
    /// <summary>T: visual tokens of a picture left at the end, at least 1; of each tile where tiles stand for themselves.</summary>
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

    /// <summary>What is scored where the encoder has no CLS token; null: the family's own.</summary>
    public GlobalTokenScoring? Global { get; init; }

    /// <summary>What stands or falls together where 2×2 patches become one token.</summary>
    public PatchSelection Selection { get; init; }

    /// <summary>Null: compact, but for Qwen2-VL, whose tokens keep their own positions always.</summary>
    public PositionPolicy? Positions { get; init; }

    /// <summary>The released code with target <paramref name="keep"/>.</summary>
    public static FlowCutOptions Released(int keep) => new() { Keep = keep };

    /// <summary>The formulas of the paper with target <paramref name="keep"/>.</summary>
    public static FlowCutOptions Paper(int keep) =>
        new() { Keep = keep, Semantic = SemanticCriterion.ScaledValueSoftmax, AttentionOverPatches = true, Global = GlobalTokenScoring.Full };
}

/// <summary>What enters the score where the mean query and the mean value stand for the CLS token (spec/flowcut.md, section 5).</summary>
public enum GlobalTokenScoring
{
    /// <summary>Attention and density: the released code for Qwen2-VL, and the default there.</summary>
    AttentionDensity,
    /// <summary>All three criteria: the paper, and the default for SigLIP.</summary>
    Full,
}

/// <summary>What is selected where 2×2 patches become one token.</summary>
public enum PatchSelection
{
    /// <summary>Whole groups.</summary>
    Groups,
    /// <summary>Single patches, which are then joined in fours as they lie: the released code for Qwen2-VL.</summary>
    ReleasedPatches,
}

/// <summary>How many tokens the pictures of a batch (crops, tiles) drop at an event.</summary>
public enum CountPolicy
{
    /// <summary>All the largest count of any of them, so that the batch stays rectangular: as released.</summary>
    Shared,
    /// <summary>Each its own.</summary>
    PerTile,
}
