using FlowCut.Models.Backends;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Pruning;

/// <summary>
/// A way to drop visual tokens. Immutable and shared between runs; each run's state lives in the stage it begins.
/// Model code knows strategies by this interface only.
/// </summary>
public interface IPruningStrategy
{
    /// <summary>As on the command line.</summary>
    string Name { get; }

    /// <summary>Visual tokens of a picture that are left at the end; the most where that depends on the picture.</summary>
    int Keep { get; }

    /// <summary>Whether tokens are dropped before the language model, so that the picture's rows are no longer whole.</summary>
    bool PrunesEncoder { get; }

    /// <summary>Positions of the kept tokens in the language model; null: the model's own rule.</summary>
    PositionPolicy? Positions => null;

    /// <summary>
    /// The strategy for one question: the text of the last turn, without template and without an instruction that is put behind every question.
    /// Not called for a raw prompt, of which nobody says what the question is. Most do not ask.
    /// </summary>
    IPruningStrategy About(string question) => this;

    /// <summary>Begins a run over the layers of a vision encoder; null where nothing is pruned between them.</summary>
    /// <exception cref="InputException">The strategy's options do not fit this encoder.</exception>
    ILayerPruning? BeginEncoder(EncoderStage stage) => null;

    /// <summary>Begins a choice among the tokens that leave the encoder, instead of a run between its layers; null where there is none.</summary>
    /// <exception cref="InputException">The strategy's options do not fit this encoder or these pictures.</exception>
    ITokenReduction? BeginReduction(EncoderStage stage) => null;

    /// <summary>
    /// A run that never needs the host between the layers, so that a backend can record the whole encoder and repeat it for other
    /// pictures; null where the strategy or the backend has no such run, or nothing is pruned.
    /// </summary>
    /// <exception cref="InputException">The strategy's options do not fit this encoder.</exception>
    IRecordedPruning? BeginRecordedEncoder(EncoderStage stage) => null;

    /// <summary>Begins a run over the layers of a language model that reads a prompt; null where nothing is pruned there.</summary>
    /// <exception cref="InputException">The strategy's options do not fit this language model.</exception>
    IDecoderPruning? BeginDecoder(DecoderStage stage) => null;
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

/// <summary>What looks at the layers of an encoder as they run. Per layer the model calls <see cref="Request"/> before attention and <see cref="Observe"/> right after it.</summary>
public interface ILayerObserver : IDisposable
{
    /// <summary>What this layer's attention shall write down; null: nothing.</summary>
    AttentionExport? Request(int layer);

    /// <summary>Queues the work on what attention wrote down. Not called where <see cref="Request"/> gave null.</summary>
    /// <param name="layer">Its index.</param>
    /// <param name="seen">What attention read besides; valid during the call.</param>
    void Observe(int layer, in EncoderLayer seen);
}

/// <summary>What the attention of an encoder layer read.</summary>
public readonly struct EncoderLayer
{
    /// <summary>[rows of all sequences, heads·head size], bias and norm included.</summary>
    public required Tensor Keys { get; init; }
}

/// <summary>
/// One run of a strategy over the layers of a transformer. After what it observes the model calls <see cref="Prune"/> on the layer's
/// output: what the host must know by then was queued before the layer's projection and MLP.
/// </summary>
public interface ILayerPruning : ILayerObserver
{
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

    /// <summary>Layers that the encoder has, run or not.</summary>
    public required int Depth { get; init; }

    /// <summary>The last layer that may prune; the remaining layers of spec/flowcut.md, section 3, are counted from it.</summary>
    public required int LastPruningLayer { get; init; }

    public required int Heads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Whether each sequence's first row is a CLS token, which is no patch and is always kept.</summary>
    public bool HasClass { get; init; } = true;

    /// <summary>Neighbouring rows that become one visual token: 1, or 4 where the connector joins 2×2 patches.</summary>
    public int GroupSize { get; init; } = 1;

    /// <summary>What the sequences are of a picture.</summary>
    public PictureForm Form { get; init; }

    /// <summary>Rows of each picture, its CLS token first where it has one.</summary>
    public required Sequences Sequences { get; init; }

    /// <summary>One per sequence, filled as the run goes on.</summary>
    public required PruningRecord[] Records { get; init; }

    /// <summary>Also record every score, for a trace or an analysis. Costs a download per layer.</summary>
    public bool RecordScores { get; init; }

    /// <summary>Columns and rows of each sequence's patches; empty where a run between layers begins, which does not ask.</summary>
    public IReadOnlyList<(int Columns, int Rows)> Grids { get; init; } = [];

    /// <summary>Receives what decided about all pictures; null: nothing is recorded. Also null where a run between layers begins.</summary>
    public TraceScope? Trace { get; init; }

    /// <summary>CLIP's norm behind its last layer, which the model does not run; null where the encoder is no CLIP.</summary>
    internal Lazy<VisionNorm>? PostNorm { get; init; }

    /// <summary>Keeps what a strategy loads beside the model, as long as the encoder.</summary>
    internal LoadedOnce Loaded { get; init; } = new();

    /// <summary>Visual tokens that a sequence becomes.</summary>
    public int Tokens(int sequence) => Patches(sequence) / GroupSize;

    /// <summary>Patches of a sequence.</summary>
    public int Patches(int sequence) => Sequences.Length(sequence) - (HasClass ? 1 : 0);
}

/// <summary>How a model takes a picture.</summary>
public enum PictureForm
{
    /// <summary>As one square: LLaVA-1.5.</summary>
    Square,
    /// <summary>The whole and the tiles of a grid, whose patches are laid together again: LLaVA-NeXT.</summary>
    AnyRes,
    /// <summary>Tiles and a thumbnail, each for itself: InternVL2.</summary>
    Tiles,
    /// <summary>At its own resolution: Qwen2-VL.</summary>
    Native,
}

/// <summary>Where kept visual tokens stand in the language model (spec/flowcut.md, section 4).</summary>
public enum PositionPolicy
{
    /// <summary>0 … S − 1 over what is left, as released.</summary>
    Compact,
    /// <summary>Where they would stand without pruning.</summary>
    Original,
}
