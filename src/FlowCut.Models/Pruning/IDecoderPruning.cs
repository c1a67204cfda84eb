using FlowCut.Models.Backends;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Pruning;

/// <summary>
/// One run of a strategy over the layers of a language model that reads a prompt. How many rows stay after which layer is known
/// before the first one runs, so that caches are as large as they need to be and nothing waits.
/// </summary>
public interface IDecoderPruning : IDisposable
{
    /// <summary>The layers after which rows are dropped, in order; not the last layer.</summary>
    IReadOnlyList<DecoderEvent> Events { get; }

    /// <summary>Rows at the end of the prompt whose queries judge; all of them stay.</summary>
    int QueryRows => 1;

    /// <summary>Before the first layer.</summary>
    /// <param name="inputs">[rows, hidden]: the embedded prompt.</param>
    void Start(Tensor inputs) { }

    /// <summary>Queues the scoring at an event's layer, once the whole prompt has gone through its attention.</summary>
    /// <param name="number">Index of the event.</param>
    /// <param name="layer">What the attention saw that judges.</param>
    void Observe(int number, in DecoderLayer layer);

    /// <summary>
    /// The rows of the layer's output that stay, as many as the event says. Each takes its position along, a merged one that of the row
    /// named in its place. Valid until the run is asked again or disposed.
    /// </summary>
    /// <param name="number">Index of the event.</param>
    /// <param name="hidden">[rows alive, hidden]: the output of the event's layer.</param>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    IndexView KeptRows(int number, Tensor hidden);

    /// <summary>Overwrites those of the rows that stay which stand for several.</summary>
    /// <param name="number">Index of the event.</param>
    /// <param name="hidden">[rows alive, hidden]: the output of the event's layer.</param>
    /// <param name="kept">[rows that stay, hidden]: gathered by <see cref="KeptRows"/>.</param>
    void Merge(int number, Tensor hidden, Tensor kept) { }

    /// <summary>After the last layer: waits, and completes the records of the pictures.</summary>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    void Finish();
}

/// <param name="Layer">Rows are dropped from its output; it and the layers before it keep all of theirs in the cache.</param>
/// <param name="Rows">Rows of the prompt that stay.</param>
/// <param name="ByNext">The attention of the layer behind judges, as it would be if nothing were dropped; else the layer's own.</param>
public readonly record struct DecoderEvent(int Layer, int Rows, bool ByNext = false);

/// <summary>What the attention of a decoder layer has seen, for the rows of a prompt that were alive in it.</summary>
public readonly struct DecoderLayer
{
    /// <summary>[query rows, heads·head size]: those of the last rows of the prompt, rotated. Each sees the keys up to its own row.</summary>
    public required Tensor Queries { get; init; }

    /// <summary>[rows, key/value heads·head size], rotated.</summary>
    public required Tensor Keys { get; init; }

    /// <summary>[rows, key/value heads·head size].</summary>
    public required Tensor Values { get; init; }
}

/// <summary>What a strategy is told about the language model it runs in.</summary>
public sealed class DecoderStage
{
    public required Backend Backend { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Base of the rotation's frequencies; null where rows turn by three axes.</summary>
    public float? RopeTheta { get; init; }

    /// <summary>What the pictures went through.</summary>
    public PictureForm Form { get; init; }

    /// <summary>Rows of the prompt, text and visual tokens.</summary>
    public required int Rows { get; init; }

    /// <summary>Where the pictures' tokens lie among them, ascending and apart.</summary>
    public required IReadOnlyList<VisualRows> Pictures { get; init; }

    /// <summary>Rows behind the last picture.</summary>
    public int TextRows => Rows - (Pictures.Count == 0 ? 0 : Pictures[^1].Start + Pictures[^1].Count);

    /// <summary>Also record every score, for a trace or an analysis.</summary>
    public bool RecordScores => Trace is not null;

    /// <summary>Receives what a method has to say beyond its records; null: nothing is recorded.</summary>
    public TraceScope? Trace { get; init; }
}

/// <param name="Start">Of the picture's first token among the rows of the prompt.</param>
/// <param name="Count">Its tokens.</param>
/// <param name="Records">Filled, one for each event that drops some of them.</param>
public sealed record VisualRows(int Start, int Count, List<DecoderRecord> Records);
