namespace FlowCut.Models.Pruning;

/// <summary>What FlowCut's options come to in one encoder. A unit is what is selected as one: a patch, or the patches of a token.</summary>
/// <param name="Target">Units of each sequence that are left at the end.</param>
/// <param name="Group">Patches of a unit.</param>
/// <param name="Criteria">What is scored.</param>
/// <param name="Events">Layers that prune; 0 where nothing has to be dropped.</param>
/// <param name="SharesCount">All sequences drop the largest count of any of them.</param>
internal readonly record struct FlowCutPlan(int Target, int Group, Criteria Criteria, int Events, bool SharesCount)
{
    /// <exception cref="InputException">The options do not fit the encoder: the budget, the schedule, a rule that is for another family; or a picture has more patches than the backend scores.</exception>
    public static FlowCutPlan Of(FlowCutOptions options, EncoderStage stage)
    {
        ArgumentNullException.ThrowIfNull(stage);
        if (options.Selection == PatchSelection.ReleasedPatches && stage.Form != PictureForm.Native)
            throw new InputException("selection=released-patches is the released code's rule for Qwen2-VL; this model selects otherwise");
        if (options.Positions == PositionPolicy.Compact && stage.Form == PictureForm.Native)
            throw new InputException("positions=compact is not possible here: Qwen2-VL's visual tokens keep their own positions");
        var group = options.Selection == PatchSelection.ReleasedPatches ? 1 : stage.GroupSize;
        CheckBudget(options.Keep, stage);
        var target = stage.Form switch
        {
            // the other half goes in the language model
            PictureForm.AnyRes => Math.Max(1, options.Keep / 2),
            PictureForm.Native => 2 * options.Keep * (stage.GroupSize / group),
            _ => options.Keep,
        };
        // pictures at their own resolution are no batch: each has its own size and its own end
        var shares = options.Count == CountPolicy.Shared && stage.Form != PictureForm.Native;
        var plan = new FlowCutPlan(target, group, CriteriaOf(options, stage), EventsOf(options, stage, target, group), shares);
        if (plan.Events > 0) stage.Backend.CheckScores(Enumerable.Range(0, stage.Sequences.Count).Max(stage.Patches));
        return plan;
    }

    /// <summary>Units of a sequence with so many rows.</summary>
    public int Units(int rows, bool hasClass) => (rows - (hasClass ? 1 : 0)) / Group;

    /// <summary>Rows of a sequence with so many units.</summary>
    public int Rows(int units, bool hasClass) => units * Group + (hasClass ? 1 : 0);

    private static void CheckBudget(int keep, EncoderStage stage)
    {
        // over all crops of a picture the model checks it
        if (stage.Form == PictureForm.AnyRes) return;
        for (var i = 0; i < stage.Sequences.Count; i++)
        {
            var tokens = stage.Patches(i) / stage.GroupSize;
            if (keep > tokens)
                throw new InputException($"cannot keep {keep} of {tokens} visual tokens{(stage.Form == PictureForm.Tiles ? " of a tile" : "")}: the budget is 1 to {tokens}");
        }
    }

    private static Criteria CriteriaOf(FlowCutOptions options, EncoderStage stage)
    {
        var scoring = options.Global ?? (stage.Form == PictureForm.Native ? GlobalTokenScoring.AttentionDensity : GlobalTokenScoring.Full);
        if (scoring == GlobalTokenScoring.Full) return options.Criteria;
        if (stage.HasClass)
            throw new InputException("global=attention-density is for encoders without a CLS token, which this one has");
        if (options.Criteria != Criteria.All && options.Criteria.HasFlag(Criteria.Semantic))
            throw new InputException("the semantic criterion is not possible with global=attention-density, which has attention and density; give global=full");
        return options.Criteria & (Criteria.Attention | Criteria.Density);
    }

    private static int EventsOf(FlowCutOptions options, EncoderStage stage, int target, int group)
    {
        var events = 0;
        for (var layer = 0; layer < stage.LayersRun; layer++)
        {
            if (options.Schedule.IsEvent(layer, stage.LastPruningLayer - layer, options.PruneEvery)) events++;
        }

        var drops = Enumerable.Range(0, stage.Sequences.Count).Any(i => stage.Patches(i) / group > target);
        if (!drops) return 0;
        return events > 0
            ? events
            : throw new InputException($"the schedule has no pruning event in the {stage.LayersRun} encoder layers that run (layers 0 to {stage.LastPruningLayer} may prune)");
    }
}
