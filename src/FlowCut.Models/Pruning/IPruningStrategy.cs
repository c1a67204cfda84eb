using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// A way to drop visual tokens. Immutable and shared between runs; each run's state lives in the stage it begins.
/// Model code knows strategies by this interface only.
/// </summary>
public interface IPruningStrategy
{
    /// <summary>As on the command line.</summary>
    string Name { get; }

    /// <summary>Visual tokens of a picture that are left at the end.</summary>
    int Keep { get; }

    /// <summary>Positions of the kept tokens in the language model.</summary>
    PositionPolicy Positions { get; }

    /// <summary>Begins a run over the layers of a vision encoder; null where nothing is pruned there.</summary>
    /// <exception cref="InputException">The strategy's options do not fit this encoder.</exception>
    ILayerPruning? BeginEncoder(EncoderStage stage);

    /// <summary>
    /// A run that never needs the host between the layers, so that a backend can record the whole encoder and repeat it for other
    /// pictures; null where the strategy or the backend has no such run, or nothing is pruned.
    /// </summary>
    /// <exception cref="InputException">The strategy's options do not fit this encoder.</exception>
    IRecordedPruning? BeginRecordedEncoder(EncoderStage stage) => null;
}

/// <summary>
/// A run that is queued or recorded once and then repeated any number of times: what its calls queued is the same each time.
/// <see cref="ILayerPruning.Finish"/> is not called; the records are made by <see cref="Complete"/>.
/// </summary>
public interface IRecordedPruning : ILayerPruning
{
    /// <summary>The sequences to begin with, their offsets on the device.</summary>
    Sequences Sequences { get; }

    /// <summary>Before the first layer, each time that the calls are made.</summary>
    void Restart();

    /// <summary>Waits for one repetition and fills its pictures' records.</summary>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    void Complete(PruningRecord[] records);
}

/// <summary>
/// One run of a strategy over the layers of a transformer. Per layer the model calls <see cref="Request"/> before
/// attention, <see cref="Observe"/> right after it and <see cref="Prune"/> on the layer's output: what the host must
/// know by then was queued before the layer's projection and MLP.
/// </summary>
public interface ILayerPruning : IDisposable
{
    /// <summary>What this layer's attention shall write down; null: nothing.</summary>
    AttentionExport? Request(int layer);

    /// <summary>Queues the work on what attention wrote down. Not called where <see cref="Request"/> gave null.</summary>
    void Observe(int layer);

    /// <summary>The rows of the layer's output that stay; null where all do. Valid until the run is disposed.</summary>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    RowSelection? Prune(int layer);

    /// <summary>After the last layer: completes the records of the pictures.</summary>
    void Finish();
}

/// <param name="Rows">Row numbers, ascending within each sequence.</param>
/// <param name="Sequences">How the kept rows fall into sequences.</param>
public readonly record struct RowSelection(IndexView Rows, Sequences Sequences);

/// <summary>What a strategy is told about the encoder it runs in.</summary>
public sealed class EncoderStage
{
    public required Backend Backend { get; init; }

    /// <summary>Layers 0 … LayersRun − 1 are run.</summary>
    public required int LayersRun { get; init; }

    /// <summary>The last layer that may prune; the remaining layers of spec/flowcut.md, section 3, are counted from it.</summary>
    public required int LastPruningLayer { get; init; }

    public required int Heads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Rows of each picture, its CLS token first.</summary>
    public required Sequences Sequences { get; init; }

    /// <summary>One per sequence, filled as the run goes on.</summary>
    public required PruningRecord[] Records { get; init; }

    /// <summary>Also record every score, for a trace or an analysis. Costs a download per layer.</summary>
    public bool RecordScores { get; init; }
}

/// <summary>Where kept visual tokens stand in the language model (spec/flowcut.md, section 4).</summary>
public enum PositionPolicy
{
    /// <summary>0 … S − 1 over what is left, as released.</summary>
    Compact,
    /// <summary>Where they would stand without pruning.</summary>
    Original,
}
