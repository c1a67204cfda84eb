using FlowCut.Models.Pruning;

namespace FlowCut.Models.Tests.Pruning;

public class PruningMethodTests
{
    public static readonly TheoryData<string, string> WrongValues = new()
    {
        { "mode", "Paper" }, { "mode", "" },
        { "criteria", "" }, { "criteria", "attention+" }, { "criteria", "attention,density" }, { "criteria", "none" },
        { "semantic", "cos" },
        { "ema", "0" }, { "ema", "1.01" }, { "ema", "-0.5" }, { "ema", "NaN" }, { "ema", "0,5" }, { "ema", "half" },
        { "prune-every", "0" }, { "prune-every", "-1" }, { "prune-every", "1.5" }, { "prune-every", "99999999999" },
        { "schedule", "adaptive:1" }, { "schedule", "fixed" }, { "schedule", "fixed:0" }, { "schedule", "fixed:1" }, { "schedule", "fixed:NaN" }, { "schedule", "fixed:0,3" },
        { "schedule", "single" }, { "schedule", "single:-1" }, { "schedule", "single:x" }, { "schedule", "profile:2" },
        { "count", "pertile" }, { "positions", "Original" },
    };

    [Fact]
    public void Without_settings_it_is_the_released_code() => Assert.Equal(FlowCutOptions.Released(64), Create());

    /// <summary>What the list of options says about defaults is what the defaults are.</summary>
    [Fact]
    public void Every_listed_default_changes_nothing()
    {
        var method = PruningMethod.Find("flowcut");
        Assert.Equal(method.Options.Count, method.Options.Select(o => o.Name).Distinct().Count());
        foreach (var option in method.Options) Assert.Equal(FlowCutOptions.Released(64), Create((option.Name, option.Default)));
    }

    [Fact]
    public void Every_option_is_read()
    {
        var released = FlowCutOptions.Released(64);
        Assert.Equal(FlowCutOptions.Paper(64), Create(("mode", "paper")));
        Assert.Equal(released with { Criteria = Criteria.Density }, Create(("criteria", "density")));
        Assert.Equal(released with { Criteria = Criteria.Attention | Criteria.Semantic }, Create(("criteria", "semantic+attention")));
        Assert.Equal(released with { Semantic = SemanticCriterion.Cosine }, Create(("semantic", "cosine")));
        Assert.Equal(released with { Semantic = SemanticCriterion.ScaledValueSoftmax }, Create(("semantic", "scaled-value-softmax")));
        Assert.Equal(released with { EmaWeight = 0.7f }, Create(("ema", "0.7")));
        Assert.Equal(released with { EmaWeight = 1 }, Create(("ema", "1")));
        Assert.Equal(released with { PruneEvery = 3 }, Create(("prune-every", "3")));
        Assert.Equal(released with { Schedule = PruningSchedule.Fixed(0.163) }, Create(("schedule", "fixed:0.163")));
        Assert.Equal(released with { Schedule = PruningSchedule.SingleLayer(7) }, Create(("schedule", "single:7")));
        Assert.Equal(released with { Schedule = PruningSchedule.Profile }, Create(("schedule", "profile")));
        Assert.Equal(released with { Count = CountPolicy.PerTile }, Create(("count", "per-tile")));
        Assert.Equal(released with { Positions = PositionPolicy.Original }, Create(("positions", "original")));
    }

    /// <summary>An option chosen explicitly wins over the mode, in whatever order the two are given.</summary>
    [Fact]
    public void An_explicit_option_wins_over_the_mode()
    {
        var expected = FlowCutOptions.Paper(64) with { Semantic = SemanticCriterion.Cosine };
        Assert.Equal(expected, Create(("mode", "paper"), ("semantic", "cosine")));
        Assert.Equal(expected, Create(("semantic", "cosine"), ("mode", "paper")));
    }

    [Theory]
    [MemberData(nameof(WrongValues))]
    public void A_wrong_value_is_refused_with_the_right_ones(string option, string value)
    {
        var e = Assert.Throws<InputException>(() => Create((option, value)));
        Assert.Contains($"'{value}' is no value of '{option}'", e.Message, StringComparison.Ordinal);
        Assert.Contains(PruningMethod.Find("flowcut").Options.Single(o => o.Name == option).Values, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_option_or_method_is_refused_with_the_names_there_are()
    {
        var option = Assert.Throws<InputException>(() => Create(("Mode", "paper"))).Message;
        Assert.Contains("'Mode'", option, StringComparison.Ordinal);
        foreach (var known in PruningMethod.Find("flowcut").Options) Assert.Contains(known.Name, option, StringComparison.Ordinal);
        var method = Assert.Throws<InputException>(() => PruningMethod.Find("FlowCut")).Message;
        Assert.Contains("'FlowCut'", method, StringComparison.Ordinal);
        foreach (var known in PruningMethod.All) Assert.Contains(known.Name, method, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_no_run_could_follow_are_refused()
    {
        Refused(FlowCutOptions.Released(0), "not 0");
        Refused(FlowCutOptions.Released(-8), "not -8");
        Refused(FlowCutOptions.Released(1) with { Criteria = Criteria.None }, "criteria");
        Refused(FlowCutOptions.Released(1) with { Criteria = (Criteria)8 }, "criteria");
        Refused(FlowCutOptions.Released(1) with { EmaWeight = float.NaN }, "NaN");
        Refused(FlowCutOptions.Released(1) with { EmaWeight = 0 }, "not 0");
        Refused(FlowCutOptions.Released(1) with { PruneEvery = 0 }, "every 0");

        static void Refused(FlowCutOptions options, string part) =>
            Assert.Contains(part, Assert.Throws<InputException>(() => new FlowCutStrategy(options)).Message, StringComparison.Ordinal);
    }

    private static FlowCutOptions Create(params (string Name, string Value)[] settings) =>
        Assert.IsType<FlowCutStrategy>(PruningMethod.Find("flowcut").Create(64, settings.ToDictionary(s => s.Name, s => s.Value))).Options;
}
