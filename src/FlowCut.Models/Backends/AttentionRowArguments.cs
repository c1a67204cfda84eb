namespace FlowCut.Models.Backends;

/// <summary>
/// What <see cref="AttentionExport"/> holds, for a query and a value that are given and need not be rows of the pass: the means of
/// encoders without a CLS token, the last prompt token over the visual tokens alone. Every key is seen.
/// </summary>
public readonly struct AttentionRowArguments
{
    /// <summary>[sequences, Heads·HeadSize] in single precision: one query for each sequence.</summary>
    public required Tensor Query { get; init; }

    /// <summary>[sequences, KeyValueHeads·HeadSize] in single precision, dense: the value that products are made with.</summary>
    public required Tensor GlobalValue { get; init; }

    /// <summary>[key rows, KeyValueHeads·HeadSize].</summary>
    public required Tensor Key { get; init; }

    /// <summary>[key rows, KeyValueHeads·HeadSize].</summary>
    public required Tensor Value { get; init; }

    public required Sequences Keys { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>1/√HeadSize for all models here.</summary>
    public required float Scale { get; init; }

    /// <summary>Written; with <see cref="AttentionExport.GlobalSquaredNorms"/>.</summary>
    public required AttentionExport Export { get; init; }
}
