using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class VisPrunerMethod : PruningMethod
{
    public override string Name => "vispruner";

    public override string Summary => "keeps the patches that the CLS token attends to most, and of the others those that are unlike each other";

    public override string Source => "VisPruner, ICCV 2025 (arXiv 2412.01818)";

    public override IReadOnlyList<PruningMethodOption> Options { get; } = [new("important", "the share that is kept by attention, in [0, 1]", "0.5")];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new VisPruner(keep!.Value, settings.Number("important", 0, 1) ?? 0.5);
}

/// <summary>
/// VisPruner: ⌊T·ρ⌋ patches by CLS attention; the others, by descending attention, are thinned until T are left: those at even places
/// that are most like one at an odd place go, at most eight at a time (spec/rivals.md, "VisPruner").
/// </summary>
/// <param name="Keep">T.</param>
/// <param name="Important">ρ.</param>
internal sealed record VisPruner(int Keep, double Important) : IPruningStrategy
{
    private const int MostAtATime = 8;

    public string Name => "vispruner";

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    /// <summary>
    /// What is left of a list, as places in it. Of an odd list the last place is an even one, and where eight would be more than there are at
    /// even places only those go: there the authors' code fails.
    /// </summary>
    /// <param name="cosines">Between the entries.</param>
    /// <param name="keep">At most as many as there are.</param>
    public static int[] Thin(float[,] cosines, int keep)
    {
        int[] list = [.. Enumerable.Range(0, cosines.GetLength(0))];
        if (keep == 0) return [];
        while (list.Length > keep)
        {
            int[] even = new int[(list.Length + 1) / 2], odd = new int[list.Length / 2];
            for (var place = 0; place < list.Length; place++) (place % 2 == 0 ? even : odd)[place / 2] = list[place];
            var scores = Array.ConvertAll(even, a => Likeness(cosines, a, odd));
            var dropped = Math.Min(MostAtATime, Math.Min(list.Length - keep, even.Length));
            // the order carries over into the next split
            list = [.. Ranking.Descending(scores)[dropped..].Select(place => even[place]), .. odd];
        }

        return list;
    }

    private static float Likeness(float[,] cosines, int a, int[] others)
    {
        var row = TokenPairs.Values(cosines).Slice(a * cosines.GetLength(1), cosines.GetLength(1));
        var largest = float.NegativeInfinity;
        foreach (var b in others)
        {
            if (row[b] > largest) largest = row[b];
        }

        return largest;
    }

    private sealed class Run(EncoderStage stage, VisPruner options) : ClassAttentionReduction(stage, options.Name, options.Keep, stage.LayersRun - 1)
    {
        public override ReducedTokens Reduce(TokenFeatures features)
        {
            var attention = Attention(Stage.LayersRun - 1, features.Sequence);
            var order = Ranking.Descending(attention);
            var (important, rest) = (order[..(int)(options.Keep * options.Important)], order[(int)(options.Keep * options.Important)..]);
            var diverse = Array.ConvertAll(Thin(Pairwise(PairMeasure.Cosine, features.Tokens, rest, rest), options.Keep - important.Length), place => rest[place]);
            features.Trace?.Add("scores", attention);
            features.Trace?.Add("important_indices", important);
            features.Trace?.Add("diverse_indices", diverse);
            return ReducedTokens.Of([.. important.Concat(diverse).Order()]);
        }
    }
}
