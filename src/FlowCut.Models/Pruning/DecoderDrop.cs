namespace FlowCut.Models.Pruning;

/// <summary>How many visual tokens of each picture are left behind a layer of the language model.</summary>
/// <param name="Layer">Tokens are dropped from its output.</param>
/// <param name="Kept">Of each picture: those of the alive ones that stay.</param>
/// <param name="Merged">Of each picture: tokens that are made of dropped ones.</param>
internal sealed record DecoderDrop(int Layer, int[] Kept, int[] Merged)
{
    /// <summary>The drops that keep the counts of a list; those that would drop nothing are left out. Nothing is merged.</summary>
    /// <param name="stage">The prompt.</param>
    /// <param name="layers">Ascending.</param>
    /// <param name="counts">Of a picture with so many tokens: those that stay behind each layer, at least 1.</param>
    public static List<DecoderDrop> Plan(DecoderStage stage, IReadOnlyList<int> layers, Func<int, int[]> counts)
    {
        var alive = stage.Pictures.Select(p => p.Count).ToArray();
        var all = stage.Pictures.Select(p => counts(p.Count)).ToArray();
        var drops = new List<DecoderDrop>();
        for (var i = 0; i < layers.Count; i++)
        {
            int[] kept = [.. alive.Select((count, picture) => Math.Min(count, all[picture][i]))];
            if (kept.SequenceEqual(alive)) continue;
            drops.Add(new DecoderDrop(layers[i], kept, new int[alive.Length]));
            alive = kept;
        }

        return drops;
    }
}
