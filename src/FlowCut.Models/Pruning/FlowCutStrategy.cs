namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut (NeurIPS 2025, arXiv 2505.19536): drops patches layer by layer inside the vision encoder, by a running score
/// of CLS attention, value similarity and value norm; how many, by the entropy of the CLS attention.
/// </summary>
public sealed class FlowCutStrategy : IPruningStrategy
{
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

    public PositionPolicy Positions => Options.Positions;

    /// <inheritdoc/>
    /// <exception cref="InputException">More tokens are to be kept than a picture has, or the schedule has no event.</exception>
    public ILayerPruning? BeginEncoder(EncoderStage stage) => Events(stage) is > 0 and var events ? new FlowCutRun(Options, stage, events) : null;

    /// <inheritdoc/>
    /// <exception cref="InputException">More tokens are to be kept than a picture has, or the schedule has no event.</exception>
    public IRecordedPruning? BeginRecordedEncoder(EncoderStage stage)
    {
        var events = Events(stage);
        if (events == 0 || stage.Backend.DeviceCounts is not { } counts || stage.RecordScores) return null;
        // where nothing is to be dropped there is nothing to score; pictures of one batch are equally large
        return Options.Keep < stage.Sequences.Length(0) - 1 ? new FlowCutRecordedRun(Options, stage, counts, events) : null;
    }

    /// <summary>Strategies of equal options do the same, so that one's recorded encoder serves the other.</summary>
    public override bool Equals(object? obj) => obj is FlowCutStrategy other && other.Options == Options;

    public override int GetHashCode() => Options.GetHashCode();

    /// <summary>All options.</summary>
    public override string ToString() => $"{Name} {Options}";

    /// <summary>Pruning events of a run; 0 where nothing has to be dropped.</summary>
    private int Events(EncoderStage stage)
    {
        ArgumentNullException.ThrowIfNull(stage);
        for (var i = 0; i < stage.Sequences.Count; i++)
        {
            var patches = stage.Sequences.Length(i) - 1;
            if (Options.Keep > patches)
                throw new InputException($"cannot keep {Options.Keep} of {patches} visual tokens: the budget is 1 to {patches}");
        }

        var events = 0;
        for (var layer = 0; layer < stage.LayersRun; layer++)
        {
            if (Options.Schedule.IsEvent(layer, stage.LastPruningLayer - layer, Options.PruneEvery)) events++;
        }

        for (var i = 0; i < stage.Sequences.Count && events == 0; i++)
        {
            if (Options.Keep < stage.Sequences.Length(i) - 1)
                throw new InputException($"the schedule has no pruning event in the {stage.LayersRun} encoder layers that run (layers 0 to {stage.LastPruningLayer} may prune)");
        }

        return events;
    }
}
