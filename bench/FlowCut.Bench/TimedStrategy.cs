using System.Diagnostics;
using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Bench;

/// <summary>A strategy whose own work (scores, entropy, selection) is timed; of use where the backend is done when its calls return.</summary>
internal sealed class TimedStrategy(IPruningStrategy strategy) : IPruningStrategy
{
    private TimeSpan _elapsed;

    public string Name => strategy.Name;

    public int Keep => strategy.Keep;

    public bool PrunesEncoder => strategy.PrunesEncoder;

    public PositionPolicy? Positions => strategy.Positions;

    public ILayerPruning? BeginEncoder(EncoderStage stage) => Timed(() => strategy.BeginEncoder(stage)) is { } run ? new TimedRun(this, run) : null;

    /// <summary>Milliseconds since the last call.</summary>
    public double TakeMilliseconds()
    {
        var elapsed = _elapsed.TotalMilliseconds;
        _elapsed = TimeSpan.Zero;
        return elapsed;
    }

    private T Timed<T>(Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return work();
        }
        finally
        {
            _elapsed += Stopwatch.GetElapsedTime(start);
        }
    }

    private void Timed(Action work) => Timed(() =>
    {
        work();
        return 0;
    });

    private sealed class TimedRun(TimedStrategy owner, ILayerPruning run) : ILayerPruning
    {
        public AttentionExport? Request(int layer) => owner.Timed(() => run.Request(layer));

        public void Observe(int layer, in EncoderLayer seen)
        {
            var copy = seen;
            owner.Timed(() => run.Observe(layer, copy));
        }

        public RowSelection? Prune(int layer) => owner.Timed(() => run.Prune(layer));

        public void Finish() => owner.Timed(run.Finish);

        public void Dispose() => owner.Timed(run.Dispose);
    }
}
