namespace FlowCut.Models.Pruning;

/// <summary>
/// How many patches an event leaves alive (spec/flowcut.md, section 3). Immutable. Under every schedule at least T stay,
/// and the event with no remaining layers leaves exactly T.
/// </summary>
public abstract record PruningSchedule
{
    private PruningSchedule() { }

    /// <summary>r = round((N − T)/√rpl·(1 − h²)): as published.</summary>
    public static PruningSchedule Adaptive { get; } = new AdaptiveSchedule();

    /// <summary>A measured course of the adaptive schedule, for timing with random weights, whose h is near 1.</summary>
    public static PruningSchedule Profile { get; } = new ProfileSchedule();

    /// <summary>Each event drops the share <paramref name="ratio"/> (0 &lt; ratio &lt; 1) of what is alive.</summary>
    public static PruningSchedule Fixed(double ratio) => ratio is > 0 and < 1
        ? new FixedSchedule(ratio)
        : throw new InputException($"the fixed schedule drops a share between 0 and 1 at each event, not {ratio}");

    /// <summary>One event, at <paramref name="layer"/>, down to T.</summary>
    public static PruningSchedule SingleLayer(int layer) => layer >= 0
        ? new SingleLayerSchedule(layer)
        : throw new InputException($"a layer number is 0 or more, not {layer}");

    /// <summary>Whether <paramref name="layer"/> prunes.</summary>
    internal virtual bool IsEvent(int layer, int remaining, int every) => remaining >= 0 && remaining % every == 0;

    /// <summary>Whether an event's count follows from the attention, and not from numbers alone.</summary>
    internal virtual bool NeedsEntropy(int remaining) => false;

    /// <summary>Patches alive after an event of one picture, before the count is shared.</summary>
    internal int KeptAfter(in PruningEvent e) => e.Remaining == 0 ? Math.Min(e.Target, e.Alive) : Math.Max(e.Alive - Math.Max(Dropped(e), 0), Math.Min(e.Target, e.Alive));

    private protected abstract int Dropped(in PruningEvent e);

    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);

    private sealed record AdaptiveSchedule : PruningSchedule
    {
        internal override bool NeedsEntropy(int remaining) => remaining > 0;

        private protected override int Dropped(in PruningEvent e) =>
            Round((e.Alive - e.Target) / Math.Sqrt(e.Remaining) * (1 - e.EntropyRatio * e.EntropyRatio));
    }

    private sealed record FixedSchedule(double Ratio) : PruningSchedule
    {
        private protected override int Dropped(in PruningEvent e) => Round(Ratio * e.Alive);
    }

    private sealed record SingleLayerSchedule(int Layer) : PruningSchedule
    {
        internal override bool IsEvent(int layer, int remaining, int every) => remaining >= 0 && layer == Layer;

        private protected override int Dropped(in PruningEvent e) => e.Alive - e.Target;
    }

    private sealed record ProfileSchedule : PruningSchedule
    {
        // Share of the droppable patches still alive after k/11 of the events, read off a model with peaked attention.
        private static readonly double[] s_alive = [1, 0.909, 0.812, 0.658, 0.610, 0.540, 0.393, 0.313, 0.228, 0.144, 0.095, 0];

        private protected override int Dropped(in PruningEvent e)
        {
            var x = (double)e.Number / e.Events * (s_alive.Length - 1);
            var left = Math.Min((int)x, s_alive.Length - 2);
            var share = s_alive[left] + (s_alive[left + 1] - s_alive[left]) * (x - left);
            return e.Alive - (e.Target + Round(share * (e.Patches - e.Target)));
        }
    }
}

/// <summary>One event of one picture, as a schedule sees it.</summary>
/// <param name="Number">1 for the first event of the run, Events for the last.</param>
/// <param name="Events">Events of the whole run.</param>
/// <param name="Remaining">rpl: layers after this one that may still prune.</param>
/// <param name="Patches">Patches before the first layer.</param>
/// <param name="Alive">N: patches alive now.</param>
/// <param name="Target">T.</param>
/// <param name="EntropyRatio">h.</param>
internal readonly record struct PruningEvent(int Number, int Events, int Remaining, int Patches, int Alive, int Target, double EntropyRatio);
