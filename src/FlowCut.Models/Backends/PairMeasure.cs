namespace FlowCut.Models.Backends;

/// <summary>What <see cref="Backend.Pairwise"/> says of two rows.</summary>
public enum PairMeasure
{
    /// <summary>Σ a·b.</summary>
    Product,
    /// <summary>Σ a·b/(‖a‖·‖b‖); 0 where a norm is 0.</summary>
    Cosine,
    /// <summary>Σ (a − b)².</summary>
    SquaredDistance,
}
