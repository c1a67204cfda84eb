using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Families;

/// <summary>A picture as the language model takes it: what is left of its visual tokens, projected. Owns device memory.</summary>
public sealed class EncodedPicture : IDisposable
{
    internal EncodedPicture(Tensor tokens, PruningRecord record)
    {
        Tokens = tokens;
        Record = record;
    }

    /// <summary>[kept tokens, width of the language model], in raster order.</summary>
    public Tensor Tokens { get; }

    /// <summary>What pruning saw and did; <see cref="PruningRecord.Kept"/> names the patches behind the tokens.</summary>
    public PruningRecord Record { get; }

    public void Dispose() => Tokens.Buffer.Dispose();
}
