using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Families;

/// <summary>A picture as the language model takes it: what is left of its visual tokens, projected. Owns device memory.</summary>
public sealed class EncodedPicture : IDisposable
{
    /// <param name="tokens">Owned from here on.</param>
    /// <param name="records">Of each crop.</param>
    /// <param name="numbers">Of the tokens among those of the whole picture.</param>
    /// <param name="unpruned">How many the whole picture would have.</param>
    /// <param name="sources">The crop of each token, and its place among the crop's tokens; (−1, 0) where it is of none. Null: crop by crop.</param>
    internal EncodedPicture(Tensor tokens, IReadOnlyList<PruningRecord> records, int[] numbers, int unpruned, (int Crop, int Token)[]? sources = null)
    {
        Sources = sources;
        Tokens = tokens;
        Records = records;
        Numbers = numbers;
        Unpruned = unpruned;
    }

    /// <summary>[tokens, width of the language model], in the order of the prompt.</summary>
    public Tensor Tokens { get; }

    /// <summary>What pruning saw and did in the encoder, for each crop or tile of the picture.</summary>
    public IReadOnlyList<PruningRecord> Records { get; }

    /// <summary>What it did in the language model; filled by reading a prompt.</summary>
    public List<DecoderRecord> Language { get; } = [];

    /// <summary>The number of each token among those that the whole picture would have.</summary>
    public IReadOnlyList<int> Numbers { get; }

    /// <summary>Tokens that the whole picture would have, what stands behind rows included.</summary>
    public int Unpruned { get; }

    /// <summary>Tokens left at the end of the language model.</summary>
    public int Kept => Language.Count > 0 ? Language[^1].Kept.Length + Language[^1].Merged : Tokens.Rows;

    /// <summary>The crop of each token, and its place among the crop's tokens; (−1, 0) where it is of none. Null: crop by crop.</summary>
    internal (int Crop, int Token)[]? Sources { get; }

    /// <summary>Columns and rows of the whole picture's tokens, where these have two-dimensional positions; null elsewhere.</summary>
    internal (int Columns, int Rows)? Grid { get; init; }

    /// <summary>Patches of each crop whose tokens are left at the end of the language model, ascending; numbered as <see cref="PruningRecord.Kept"/> is.</summary>
    public IReadOnlyList<int[]> KeptPatches()
    {
        var patches = Records.Select(_ => new List<int>()).ToArray();
        var sources = Sources ?? [.. Records.SelectMany((record, crop) => Enumerable.Range(0, record.Tokens).Select(token => (crop, token)))];
        foreach (var token in Language.Count > 0 ? Language[^1].Kept : Enumerable.Range(0, sources.Length))
        {
            // what was merged in the language model is no patch
            if (token >= sources.Length) continue;
            var (crop, place) = sources[token];
            if (crop >= 0) patches[crop].AddRange(Records[crop].PatchesOf(place));
        }

        return [.. patches.Select(p => p.Order().ToArray())];
    }

    public void Dispose() => Tokens.Buffer.Dispose();
}
