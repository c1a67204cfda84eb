namespace FlowCut.Models.Backends;

/// <summary>
/// One attention pass: Output = softmax(Query·Keyᵀ·Scale)·Value per sequence and head, never with an N×N matrix in memory.
/// Heads lie side by side in a row: head h is columns h·HeadSize … (h+1)·HeadSize − 1; with fewer key/value heads than
/// query heads, query head h reads key/value head h·KeyValueHeads/Heads.
/// </summary>
public readonly struct AttentionArguments
{
    /// <summary>[query rows, Heads·HeadSize]; rotated already where the model rotates.</summary>
    public required Tensor Query { get; init; }

    /// <summary>[key rows, KeyValueHeads·HeadSize].</summary>
    public required Tensor Key { get; init; }

    /// <summary>[key rows, KeyValueHeads·HeadSize].</summary>
    public required Tensor Value { get; init; }

    /// <summary>[query rows, Heads·HeadSize]; must not overlap the inputs.</summary>
    public required Tensor Output { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>1/√HeadSize for all models here.</summary>
    public required float Scale { get; init; }

    /// <summary>Sequences of the query rows.</summary>
    public required Sequences Queries { get; init; }

    /// <summary>Sequences of the key rows; as many as <see cref="Queries"/> has.</summary>
    public required Sequences Keys { get; init; }

    /// <summary>Query i of a sequence with n queries and m keys sees keys 0 … m − n + i.</summary>
    public bool Causal { get; init; }

    /// <summary>What to write down in the same pass; null: nothing.</summary>
    public AttentionExport? Export { get; init; }
}

/// <summary>
/// What a pruning strategy wants written down of a layer's attention: for one query of every sequence, its attention to each
/// key, and statistics of the values. The query is the sequence's first row (CLS) where this is part of an attention pass, else
/// what <see cref="AttentionRowArguments"/> give. Key columns are numbered as rows of the key tensor, so the sequences of a batch
/// lie side by side. The buffers belong to whoever asks.
/// </summary>
public sealed class AttentionExport
{
    /// <summary>
    /// [Heads, key rows]: logarithm of softmax(query·Keyᵀ·Scale) over the keys that the query sees, −∞ for the others.
    /// A logarithm, because the patches' share may underflow (spec/flowcut.md, section 7).
    /// </summary>
    public required Tensor LogProbabilities { get; init; }

    /// <summary>[KeyValueHeads, key rows]: the query's value · Value[j] per head, not scaled.</summary>
    public required Tensor ValueProducts { get; init; }

    /// <summary>[1, key rows]: Σ over the head size of |mean over heads of Value[j]| (information density).</summary>
    public required Tensor ValueDensity { get; init; }

    /// <summary>[1, key rows]: squared norm of the concatenated value vector.</summary>
    public required Tensor ValueSquaredNorms { get; init; }

    /// <summary>[1, sequences]: squared norm of the query's value where it is no row of the pass, without meaning where a sequence has no keys; null where it is the first row.</summary>
    public Tensor? GlobalSquaredNorms { get; init; }
}
