using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// One run of a strategy over the layers of a language model that reads a prompt. How many rows stay after which layer is known
/// before the first one runs, so that caches are as large as they need to be and nothing waits.
/// </summary>
public interface IDecoderPruning : IDisposable
{
    /// <summary>The layers after which rows are dropped, in order; not the last layer.</summary>
    IReadOnlyList<DecoderEvent> Events { get; }

    /// <summary>Queues the scoring at an event's layer, once the whole prompt has gone through its attention.</summary>
    /// <param name="number">Index of the event.</param>
    /// <param name="layer">What the layer's attention saw.</param>
    void Observe(int number, in DecoderLayer layer);

    /// <summary>The rows of the layer's output that stay, ascending: as many as the event says. Valid until the run is disposed.</summary>
    /// <param name="number">Index of the event.</param>
    IndexView KeptRows(int number);

    /// <summary>After the last layer: waits, and completes the records of the pictures.</summary>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    void Finish();
}

/// <param name="Layer">Rows are dropped from its output; it and the layers before it keep all of theirs in the cache.</param>
/// <param name="Rows">Rows of the prompt that stay.</param>
public readonly record struct DecoderEvent(int Layer, int Rows);

/// <summary>What the attention of a decoder layer has seen, for the rows of a prompt that were alive in it.</summary>
public readonly struct DecoderLayer
{
    /// <summary>[1, heads·head size]: the last prompt token's, rotated.</summary>
    public required Tensor LastQuery { get; init; }

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

    /// <summary>What the pictures went through.</summary>
    public PictureForm Form { get; init; }

    /// <summary>Rows of the prompt, text and visual tokens.</summary>
    public required int Rows { get; init; }

    /// <summary>Where the pictures' tokens lie among them, ascending and apart.</summary>
    public required IReadOnlyList<VisualRows> Pictures { get; init; }

    /// <summary>Also record every score, for a trace or an analysis.</summary>
    public bool RecordScores { get; init; }
}

/// <param name="Start">Of the picture's first token among the rows of the prompt.</param>
/// <param name="Count">Its tokens.</param>
/// <param name="Records">Filled, one for each event that drops some of them.</param>
public sealed record VisualRows(int Start, int Count, List<DecoderRecord> Records);
