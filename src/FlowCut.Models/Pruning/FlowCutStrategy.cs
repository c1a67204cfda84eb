namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut (NeurIPS 2025, arXiv 2505.19536): drops patches layer by layer inside the vision encoder, by a running score
/// of CLS attention, value similarity and value norm; how many, by the entropy of the CLS attention.
/// </summary>
public sealed class FlowCutStrategy : IPruningStrategy
{
    private const int ReleasedStageLayer = 1;

    public FlowCutStrategy(FlowCutOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Keep < 1)
            throw new InputException($"flowcut keeps at least 1 visual token, not {options.Keep}");
        if (options.Criteria is Criteria.None || (options.Criteria & ~Criteria.All) != 0)
            throw new InputException("flowcut needs at least one of the criteria attention, semantic, density");
        if (!(options.EmaWeight is > 0 and <= 1))
            throw new InputException($"the weight of the new score lies in (0, 1], not {options.EmaWeight}");
        if (options.PruneEvery < 1)
            throw new InputException($"flowcut prunes every 1 or more layers, not every {options.PruneEvery}");
        Options = options;
    }

    public FlowCutOptions Options { get; }

    public string Name => "flowcut";

    public int Keep => Options.Keep;

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => Options.Positions;

    /// <inheritdoc/>
    /// <exception cref="InputException">More tokens are to be kept than a picture has, the schedule has no event, or an option is for another family.</exception>
    public ILayerPruning? BeginEncoder(EncoderStage stage)
    {
        var plan = FlowCutPlan.Of(Options, stage);
        return plan.Events > 0 ? new FlowCutRun(Options, plan, stage) : null;
    }

    /// <inheritdoc/>
    /// <exception cref="InputException">More tokens are to be kept than a picture has, the schedule has no event, or an option is for another family.</exception>
    public IRecordedPruning? BeginRecordedEncoder(EncoderStage stage)
    {
        var plan = FlowCutPlan.Of(Options, stage);
        if (plan.Events == 0 || plan.Group > 1 || !stage.HasClass || stage.Backend.DeviceCounts is not { } counts || stage.RecordScores) return null;
        return new FlowCutRecordedRun(Options, plan, stage, counts);
    }

    /// <inheritdoc/>
    /// <remarks>As released: LLaVA-NeXT and Qwen2-VL prune once more after layer 1, to T.</remarks>
    public IDecoderPruning? BeginDecoder(DecoderStage stage)
    {
        ArgumentNullException.ThrowIfNull(stage);
        return stage.Form is PictureForm.AnyRes or PictureForm.Native ? new LanguageStage(Options.Keep, ReleasedStageLayer).Begin(stage) : null;
    }

    /// <summary>Strategies of equal options do the same, so that one's recorded encoder serves the other.</summary>
    public override bool Equals(object? obj) => obj is FlowCutStrategy other && other.Options == Options;

    public override int GetHashCode() => Options.GetHashCode();

    /// <summary>All options.</summary>
    public override string ToString() => $"{Name} {Options}";
}
