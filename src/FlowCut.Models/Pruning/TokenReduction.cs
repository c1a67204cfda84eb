using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>What methods that choose once have in common: one picture lies on one grid, and most do not look at layers.</summary>
internal abstract class TokenReduction : ITokenReduction
{
    /// <param name="stage">The encoder and its pictures.</param>
    /// <param name="name">Of the method.</param>
    /// <param name="keep">Tokens that it needs at least.</param>
    /// <exception cref="InputException">Pictures are cut into crops or tiles, or one has fewer tokens.</exception>
    protected TokenReduction(EncoderStage stage, string name, int keep)
    {
        if (stage.Form is PictureForm.AnyRes or PictureForm.Tiles)
            throw new InputException($"{name} chooses among the tokens of one picture on one grid, and this model cuts pictures into tiles; methods in the language model (fastv, sparsevlm, pdrop) do without");
        var tokens = Enumerable.Range(0, stage.Sequences.Count).Min(stage.Tokens);
        if (keep > tokens) throw new InputException($"{name} cannot keep {keep} of {tokens} visual tokens: the budget is 1 to {tokens}");
        Stage = stage;
    }

    public virtual bool AfterConnector => false;

    protected EncoderStage Stage { get; }

    protected Backend Backend => Stage.Backend;

    public virtual AttentionExport? Request(int layer) => null;

    public virtual void Observe(int layer, in EncoderLayer seen) { }

    public abstract ReducedTokens Reduce(TokenFeatures features);

    public virtual void Dispose() { }

    /// <summary>Measures between some of the tokens and others: [first, second]. Waits.</summary>
    protected float[,] Pairwise(PairMeasure measure, Tensor tokens, int[] first, int[] second) => TokenPairs.Measure(Backend, measure, tokens, first, second);

    /// <summary>For each row of a matrix the column of its largest entry, the lowest on ties.</summary>
    protected static int[] Nearest(float[,] cosines)
    {
        var nearest = new int[cosines.GetLength(0)];
        for (var i = 0; i < nearest.Length; i++)
        {
            for (var j = 1; j < cosines.GetLength(1); j++)
            {
                if (cosines[i, j] > cosines[i, nearest[i]]) nearest[i] = j;
            }
        }

        return nearest;
    }
}
