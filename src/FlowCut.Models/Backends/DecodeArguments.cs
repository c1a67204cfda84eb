namespace FlowCut.Models.Backends;

/// <summary>
/// Attention of the token of a <see cref="DecodeStep"/> over its sequence's cache, its own row included. Heads lie side by
/// side as in <see cref="AttentionArguments"/>.
/// </summary>
public readonly struct DecodeArguments
{
    /// <summary>[1, Heads·HeadSize]; rotated already where the model rotates.</summary>
    public required Tensor Query { get; init; }

    /// <summary>[capacity, KeyValueHeads·HeadSize]: the whole cache; the step says how many rows there are.</summary>
    public required Tensor KeyCache { get; init; }

    /// <summary>[capacity, KeyValueHeads·HeadSize].</summary>
    public required Tensor ValueCache { get; init; }

    /// <summary>[1, Heads·HeadSize]; must not overlap the inputs.</summary>
    public required Tensor Output { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>1/√HeadSize for all models here.</summary>
    public required float Scale { get; init; }

    public required DecodeStep Step { get; init; }
}
