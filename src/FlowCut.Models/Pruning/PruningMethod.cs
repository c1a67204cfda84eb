using System.Globalization;

namespace FlowCut.Models.Pruning;

/// <summary>A pruning method as users name and configure it: its options with their defaults and where it comes from.</summary>
public abstract class PruningMethod
{
    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence: what it drops, by what.</summary>
    public abstract string Summary { get; }

    /// <summary>Paper and code.</summary>
    public abstract string Source { get; }

    public abstract IReadOnlyList<PruningMethodOption> Options { get; }

    /// <summary>Makes the strategy.</summary>
    /// <param name="keep">Visual tokens left at the end.</param>
    /// <param name="settings">Option values by name.</param>
    /// <exception cref="InputException">An unknown option or value; the message lists the right ones.</exception>
    public IPruningStrategy Create(int keep, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        foreach (var name in settings.Keys)
        {
            if (!Options.Any(o => o.Name == name))
                throw new InputException($"{Name} has no option '{name}'; its options are {string.Join(", ", Options.Select(o => o.Name))}");
        }

        return Build(keep, settings);
    }

    /// <summary>All methods, by the order in which they are listed.</summary>
    public static IReadOnlyList<PruningMethod> All { get; } = [new FlowCutMethod()];

    /// <exception cref="InputException">There is no such method; the message lists them.</exception>
    public static PruningMethod Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new InputException($"there is no pruning method '{name}'; the methods are {string.Join(", ", All.Select(m => m.Name))}");

    private protected abstract IPruningStrategy Build(int keep, IReadOnlyDictionary<string, string> settings);

    private protected InputException WrongValue(string option, string value)
    {
        var described = Options.First(o => o.Name == option);
        return new InputException($"{Name}: '{value}' is no value of '{option}'; it takes {described.Values} (default {described.Default})");
    }
}

/// <param name="Name">As in --set name=value.</param>
/// <param name="Values">What it takes, for people.</param>
/// <param name="Default">Its default, as text.</param>
public sealed record PruningMethodOption(string Name, string Values, string Default);

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

    private protected override IPruningStrategy Build(int keep, IReadOnlyDictionary<string, string> settings)
    {
        var options = settings.GetValueOrDefault("mode", "released") switch
        {
            "released" => FlowCutOptions.Released(keep),
            "paper" => FlowCutOptions.Paper(keep),
            var mode => throw WrongValue("mode", mode),
        };
        foreach (var (name, value) in settings)
        {
            options = name switch
            {
                "mode" => options,
                "criteria" => options with { Criteria = ParseCriteria(value) },
                "semantic" => options with { Semantic = ParseSemantic(value) },
                "ema" => options with { EmaWeight = float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var w) && w is > 0 and <= 1 ? w : throw WrongValue(name, value) },
                "prune-every" => options with { PruneEvery = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= 1 ? n : throw WrongValue(name, value) },
                "schedule" => options with { Schedule = ParseSchedule(value) },
                "count" => options with { Count = value switch { "shared" => CountPolicy.Shared, "per-tile" => CountPolicy.PerTile, _ => throw WrongValue(name, value) } },
                "selection" => options with { Selection = value switch { "groups" => PatchSelection.Groups, "released-patches" => PatchSelection.ReleasedPatches, _ => throw WrongValue(name, value) } },
                "global" => options with { Global = value switch { "attention-density" => GlobalTokenScoring.AttentionDensity, "full" => GlobalTokenScoring.Full, "family" => null, _ => throw WrongValue(name, value) } },
                "positions" => options with { Positions = value switch { "compact" => PositionPolicy.Compact, "original" => PositionPolicy.Original, "family" => null, _ => throw WrongValue(name, value) } },
                _ => throw new InvalidOperationException($"The option '{name}' is listed but not read."),
            };
        }

        return new FlowCutStrategy(options);
    }

    private Criteria ParseCriteria(string value)
    {
        var criteria = Criteria.None;
        foreach (var part in value.Split('+'))
        {
            criteria |= part switch
            {
                "attention" => Criteria.Attention,
                "semantic" => Criteria.Semantic,
                "density" => Criteria.Density,
                _ => throw WrongValue("criteria", value),
            };
        }

        return criteria;
    }

    private SemanticCriterion ParseSemantic(string value) => value switch
    {
        "value-softmax" => SemanticCriterion.ValueSoftmax,
        "scaled-value-softmax" => SemanticCriterion.ScaledValueSoftmax,
        "cosine" => SemanticCriterion.Cosine,
        _ => throw WrongValue("semantic", value),
    };

    private PruningSchedule ParseSchedule(string value)
    {
        var colon = value.IndexOf(':', StringComparison.Ordinal);
        var (kind, argument) = colon < 0 ? (value, "") : (value[..colon], value[(colon + 1)..]);
        return (kind, argument) switch
        {
            ("adaptive", "") => PruningSchedule.Adaptive,
            ("profile", "") => PruningSchedule.Profile,
            ("fixed", _) when double.TryParse(argument, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) && ratio is > 0 and < 1 => PruningSchedule.Fixed(ratio),
            ("single", _) when int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out var layer) => PruningSchedule.SingleLayer(layer),
            _ => throw WrongValue("schedule", value),
        };
    }
}
