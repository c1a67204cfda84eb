namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>
/// The innermost step of a GEMM for one vector width: T[Rows, Lanes] (+)= W[Rows, k]·X[k, Lanes]. Weights are broadcast
/// from rows that stand <see cref="GemmBlocks.Depth"/> apart, so that they need widening but no transposing;
/// activations are packed k by k.
/// </summary>
internal unsafe interface IGemmTile
{
    /// <summary>Weight rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>Activation rows of a tile: two vectors.</summary>
    static abstract int Lanes { get; }

    /// <param name="w">[Rows, Depth], k columns valid.</param>
    /// <param name="x">[k, Lanes].</param>
    /// <param name="k">Depth of this step.</param>
    /// <param name="t">[Rows, Lanes], rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Of <paramref name="t"/>.</param>
    /// <param name="accumulate">Add to what is there instead of overwriting it.</param>
    static abstract void Run(float* w, float* x, int k, float* t, int stride, bool accumulate);

    /// <summary>The same for the first half of the lanes: what is left of the activation rows often needs no more.</summary>
    static abstract void RunHalf(float* w, float* x, int k, float* t, int stride, bool accumulate);
}

/// <summary>Sizes of the blocks that a GEMM works through, chosen for caches of 32 KB and 1 MB per core.</summary>
internal static class GemmBlocks
{
    /// <summary>Columns of weights and activations per step: a packed panel of activations then fills the first-level cache.</summary>
    public const int Depth = 256;

    /// <summary>Weight rows per part of work: a multiple of every tile's rows, small enough to balance the cores.</summary>
    public const int WeightRows = 48;

    /// <summary>The most activation rows at a time: the block of sums stays in the second-level cache, packed activations of a few thousand columns in the last.</summary>
    public const int ActivationRows = 768;
}
