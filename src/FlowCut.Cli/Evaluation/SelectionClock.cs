using System.Diagnostics;
using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Evaluation;

/// <summary>
/// Takes the time that a strategy itself needs: scores, the choice, what it prepares for merging. Not in it is what layers write down
/// for it on their way. Right only where work is done when a call returns.
/// </summary>
internal sealed class SelectionClock
{
    private readonly Stopwatch _clock = new();

    /// <summary>Of all that was called since <see cref="Restart"/>.</summary>
    public TimeSpan Elapsed => _clock.Elapsed;

    public void Restart() => _clock.Reset();

    /// <summary>The same strategy, timed.</summary>
    public IPruningStrategy Watch(IPruningStrategy strategy) => new WatchedStrategy(strategy, this);

    private T Time<T>(Func<T> work)
    {
        _clock.Start();
        try
        {
            return work();
        }
        finally
        {
            _clock.Stop();
        }
    }

    private void Time(Action work) => Time(() =>
    {
        work();
        return true;
    });

    private sealed class WatchedStrategy(IPruningStrategy inner, SelectionClock clock) : IPruningStrategy
    {
        public string Name => inner.Name;

        public int Keep => inner.Keep;

        public bool PrunesEncoder => inner.PrunesEncoder;

        public PositionPolicy? Positions => inner.Positions;

        public IPruningStrategy About(string question)
        {
            var about = clock.Time(() => inner.About(question));
            return ReferenceEquals(about, inner) ? this : new WatchedStrategy(about, clock);
        }

        public ILayerPruning? BeginEncoder(EncoderStage stage) => clock.Time(() => inner.BeginEncoder(stage)) is { } run ? new WatchedLayers(run, clock) : null;

        public ITokenReduction? BeginReduction(EncoderStage stage) => clock.Time(() => inner.BeginReduction(stage)) is { } run ? new WatchedReduction(run, clock) : null;

        /// <summary>Not timed: repeated work is no call of the strategy.</summary>
        public IRecordedPruning? BeginRecordedEncoder(EncoderStage stage) => inner.BeginRecordedEncoder(stage);

        public IDecoderPruning? BeginDecoder(DecoderStage stage) => clock.Time(() => inner.BeginDecoder(stage)) is { } run ? new WatchedDecoder(run, clock) : null;
    }

    private class WatchedObserver(ILayerObserver inner, SelectionClock clock) : ILayerObserver
    {
        public AttentionExport? Request(int layer) => clock.Time(() => inner.Request(layer));

        public void Observe(int layer, in EncoderLayer seen)
        {
            var copy = seen;
            clock.Time(() => inner.Observe(layer, copy));
        }

        public void Dispose() => inner.Dispose();
    }

    private sealed class WatchedLayers(ILayerPruning inner, SelectionClock clock) : WatchedObserver(inner, clock), ILayerPruning
    {
        private readonly SelectionClock _clock = clock;

        public RowSelection? Prune(int layer) => _clock.Time(() => inner.Prune(layer));

        public void Finish() => _clock.Time(inner.Finish);
    }

    private sealed class WatchedReduction(ITokenReduction inner, SelectionClock clock) : WatchedObserver(inner, clock), ITokenReduction
    {
        private readonly SelectionClock _clock = clock;

        public bool AfterConnector => inner.AfterConnector;

        public ReducedTokens Reduce(TokenFeatures features) => _clock.Time(() => inner.Reduce(features));
    }

    private sealed class WatchedDecoder(IDecoderPruning inner, SelectionClock clock) : IDecoderPruning
    {
        public IReadOnlyList<DecoderEvent> Events => inner.Events;

        public int QueryRows => inner.QueryRows;

        public void Start(Tensor inputs) => clock.Time(() => inner.Start(inputs));

        public void Observe(int number, in DecoderLayer layer)
        {
            var copy = layer;
            clock.Time(() => inner.Observe(number, copy));
        }

        public IndexView KeptRows(int number, Tensor hidden) => clock.Time(() => inner.KeptRows(number, hidden));

        public void Merge(int number, Tensor hidden, Tensor kept) => clock.Time(() => inner.Merge(number, hidden, kept));

        public void Finish() => clock.Time(inner.Finish);

        public void Dispose() => inner.Dispose();
    }
}
