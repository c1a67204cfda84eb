using System.Globalization;

namespace FlowCut.Models.Pruning;

internal sealed class FlowCutMethod : PruningMethod
{
    public override string Name => "flowcut";

    public override string Summary => "drops patches layer by layer inside the vision encoder, by CLS attention, value similarity and value norm";

    public override string Source => "FlowCut, NeurIPS 2025 (arXiv 2505.19536); as in the authors' released code";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("mode", "released or paper; sets the defaults of semantic, global and the attention softmax", "released"),
        new("criteria", "one or more of attention, semantic, density, joined by +", "attention+semantic+density"),
        new("semantic", "value-softmax, scaled-value-softmax or cosine", "value-softmax"),
        new("ema", "the weight of the new score, in (0, 1]", "0.5"),
        new("prune-every", "a whole number of layers, 1 or more", "2"),
        new("schedule", "adaptive, fixed:R (0 < R < 1), single:LAYER or profile", "adaptive"),
        new("count", "shared or per-tile", "shared"),
        new("selection", "groups or released-patches; where 2×2 patches become one token", "groups"),
        new("global", "attention-density, full or family (Qwen2-VL: attention-density, else full); encoders without a CLS token", "family"),
        new("positions", "compact, original or family (Qwen2-VL: original, always; else compact)", "family"),
    ];

    private protected override IPruningStrategy Build(int? budget, MethodSettings settings)
    {
        var keep = budget!.Value;
        var options = settings.Text("mode") switch
        {
            null or "released" => FlowCutOptions.Released(keep),
            "paper" => FlowCutOptions.Paper(keep),
            var mode => throw settings.Wrong("mode", mode),
        };
        foreach (var (name, value) in settings.Values)
        {
            options = name switch
            {
                "mode" => options,
                "criteria" => options with { Criteria = ParseCriteria(settings, value) },
                "semantic" => options with { Semantic = ParseSemantic(settings, value) },
                "ema" => options with { EmaWeight = float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var w) && w is > 0 and <= 1 ? w : throw settings.Wrong(name, value) },
                "prune-every" => options with { PruneEvery = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= 1 ? n : throw settings.Wrong(name, value) },
                "schedule" => options with { Schedule = ParseSchedule(settings, value) },
                "count" => options with { Count = value switch { "shared" => CountPolicy.Shared, "per-tile" => CountPolicy.PerTile, _ => throw settings.Wrong(name, value) } },
                "selection" => options with { Selection = value switch { "groups" => PatchSelection.Groups, "released-patches" => PatchSelection.ReleasedPatches, _ => throw settings.Wrong(name, value) } },
                "global" => options with { Global = value switch { "attention-density" => GlobalTokenScoring.AttentionDensity, "full" => GlobalTokenScoring.Full, "family" => null, _ => throw settings.Wrong(name, value) } },
                "positions" => options with { Positions = value switch { "compact" => PositionPolicy.Compact, "original" => PositionPolicy.Original, "family" => null, _ => throw settings.Wrong(name, value) } },
                _ => throw new InvalidOperationException($"The option '{name}' is listed but not read."),
            };
        }

        return new FlowCutStrategy(options);
    }

    private static Criteria ParseCriteria(MethodSettings settings, string value)
    {
        var criteria = Criteria.None;
        foreach (var part in value.Split('+'))
        {
            criteria |= part switch
            {
                "attention" => Criteria.Attention,
                "semantic" => Criteria.Semantic,
                "density" => Criteria.Density,
                _ => throw settings.Wrong("criteria", value),
            };
        }

        return criteria;
    }

    private static SemanticCriterion ParseSemantic(MethodSettings settings, string value) => value switch
    {
        "value-softmax" => SemanticCriterion.ValueSoftmax,
        "scaled-value-softmax" => SemanticCriterion.ScaledValueSoftmax,
        "cosine" => SemanticCriterion.Cosine,
        _ => throw settings.Wrong("semantic", value),
    };

    private static PruningSchedule ParseSchedule(MethodSettings settings, string value)
    {
        var colon = value.IndexOf(':', StringComparison.Ordinal);
        var (kind, argument) = colon < 0 ? (value, "") : (value[..colon], value[(colon + 1)..]);
        return (kind, argument) switch
        {
            ("adaptive", "") => PruningSchedule.Adaptive,
            ("profile", "") => PruningSchedule.Profile,
            ("fixed", _) when double.TryParse(argument, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) && ratio is > 0 and < 1 => PruningSchedule.Fixed(ratio),
            ("single", _) when int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out var layer) => PruningSchedule.SingleLayer(layer),
            _ => throw settings.Wrong("schedule", value),
        };
    }
}
