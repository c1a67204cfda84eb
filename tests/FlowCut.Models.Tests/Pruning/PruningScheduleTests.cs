using CsCheck;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Tests.Pruning;

/// <summary>Section 3 of spec/flowcut.md: the counts that every schedule must keep to.</summary>
public class PruningScheduleTests
{
    private static readonly Gen<PruningSchedule> s_schedules = Gen.OneOf(
        Gen.Const(PruningSchedule.Adaptive), Gen.Const(PruningSchedule.Profile),
        Gen.Double[0.001, 0.999].Select(PruningSchedule.Fixed), Gen.Int[0, 21].Select(PruningSchedule.SingleLayer));

    [Fact]
    public void Counts_never_grow_never_fall_below_the_target_and_end_at_it() =>
        Gen.Select(s_schedules, Gen.Int[1, 600], Gen.Int[1, 600], Gen.Int[1, 40], Gen.Int[1, 5], Gen.Double[0, 1].Array[40]).Sample((schedule, patches, keep, layers, every, entropy) =>
        {
            var target = Math.Min(keep, patches);
            var (alive, events) = (patches, Events(schedule, layers, every));
            for (var i = 0; i < events.Length; i++)
            {
                var kept = schedule.KeptAfter(new PruningEvent(i + 1, events.Length, layers - 1 - events[i], patches, alive, target, entropy[i]));
                Assert.InRange(kept, target, alive);
                alive = kept;
            }

            // the last event has no layers remaining, or is the only one
            if (events.Length > 0) Assert.Equal(target, alive);
        });

    [Fact]
    public void The_more_even_the_attention_the_more_adaptive_keeps() =>
        Gen.Select(Gen.Int[2, 600], Gen.Int[1, 600], Gen.Int[1, 22], Gen.Double[0, 1], Gen.Double[0, 1]).Sample((alive, keep, remaining, a, b) =>
        {
            var target = Math.Min(keep, alive);
            Assert.True(Adaptive(Math.Min(a, b)) <= Adaptive(Math.Max(a, b)));
            Assert.Equal(alive, Adaptive(1));

            int Adaptive(double h) => PruningSchedule.Adaptive.KeptAfter(new PruningEvent(1, 2, remaining, alive, alive, target, h));
        });

    /// <summary>Worked by hand: round((576 − 64)/√rpl·(1 − h²)).</summary>
    [Theory]
    [InlineData(20, 0.0, 576 - 114)] // 512/4.47214 = 114.49
    [InlineData(16, 0.5, 576 - 96)] // 512/4·0.75
    [InlineData(4, 0.0, 576 - 256)]
    [InlineData(1, 0.0, 64)]
    [InlineData(0, 1.0, 64)] // the last event does not ask for h
    [InlineData(2, 1.0, 576)]
    public void Adaptive_counts_worked_by_hand(int remaining, double h, int kept) =>
        Assert.Equal(kept, PruningSchedule.Adaptive.KeptAfter(new PruningEvent(1, 11, remaining, 576, 576, 64, h)));

    [Theory]
    [InlineData(0.163, 576, 482)] // 93.888 → 94
    [InlineData(0.5, 5, 3)] // 2.5 → 2, to even
    [InlineData(0.5, 7, 3)] // 3.5 → 4
    [InlineData(0.999, 576, 3)] // 575 would leave 1, the target is 3
    public void Fixed_counts_worked_by_hand(double ratio, int alive, int kept) =>
        Assert.Equal(kept, PruningSchedule.Fixed(ratio).KeptAfter(new PruningEvent(1, 11, 20, 576, alive, 3, 0.5)));

    /// <summary>The published course at 576 patches down to 192, which the profile follows for every model depth.</summary>
    [Fact]
    public void Profile_counts_worked_by_hand()
    {
        double[] shares = [0.909, 0.812, 0.658, 0.610, 0.540, 0.393, 0.313, 0.228, 0.144, 0.095, 0];
        var alive = 576;
        for (var number = 1; number <= 11; number++)
        {
            alive = PruningSchedule.Profile.KeptAfter(new PruningEvent(number, 11, 22 - 2 * number, 576, alive, 192, 1));
            Assert.Equal(192 + (int)Math.Round(shares[number - 1] * 384, MidpointRounding.ToEven), alive);
        }

        // half way through two events lies between 5/11 and 6/11: (0.540 + 0.393)/2
        Assert.Equal(0 + 10 + (int)Math.Round(0.4665 * 90), PruningSchedule.Profile.KeptAfter(new PruningEvent(1, 2, 1, 100, 100, 10, 1)));
    }

    [Fact]
    public void Events_of_clip_large_are_the_odd_layers_up_to_the_last_but_two()
    {
        // 23 layers run, the last that may prune is 21
        Assert.Equal([1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21], Events(PruningSchedule.Adaptive, 22, 2));
        Assert.Equal(Enumerable.Range(0, 22), Events(PruningSchedule.Adaptive, 22, 1));
        Assert.Equal([0, 3, 6, 9, 12, 15, 18, 21], Events(PruningSchedule.Fixed(0.3), 22, 3));
        Assert.Equal([7], Events(PruningSchedule.SingleLayer(7), 22, 2));
        Assert.Empty(Events(PruningSchedule.SingleLayer(22), 22, 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_share_outside_0_and_1_is_refused(double ratio) => Assert.Throws<InputException>(() => PruningSchedule.Fixed(ratio));

    [Fact]
    public void A_negative_layer_is_refused_and_equal_schedules_are_equal()
    {
        Assert.Throws<InputException>(() => PruningSchedule.SingleLayer(-1));
        Assert.Equal(PruningSchedule.Fixed(0.25), PruningSchedule.Fixed(0.25));
        Assert.NotEqual(PruningSchedule.SingleLayer(3), PruningSchedule.SingleLayer(4));
    }

    /// <param name="schedule">Whose events.</param>
    /// <param name="layers">Layers that may prune: 0 … layers − 1.</param>
    /// <param name="every">n of PruneEvery.</param>
    private static int[] Events(PruningSchedule schedule, int layers, int every) =>
        [.. Enumerable.Range(0, layers + 3).Where(layer => schedule.IsEvent(layer, layers - 1 - layer, every))];
}
