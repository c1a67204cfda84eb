namespace FlowCut.Kernels.Pruning;

/// <summary>The block that selects among up to Threads·Items scores (kernels/fc/select.cuh).</summary>
internal readonly record struct SelectBlock(int Threads, int Items)
{
    /// <summary>The most scores of one selection.</summary>
    public const int MaxScores = 16384;

    public static readonly SelectBlock[] All = [new(256, 4), new(512, 8), new(1024, 16)];

    /// <summary>Keys, two histograms of 256 bins, counts of each item and warp, two extremes a warp, three numbers; rounded up.</summary>
    public int SharedBytes => (Threads * Items + 512 + Threads / 32 * (Items + 2) + 3 + 3) / 4 * 16;

    /// <summary>The smallest that holds so many; few threads where they suffice, because every round is a barrier.</summary>
    public static SelectBlock Of(int scores)
    {
        foreach (var block in All)
        {
            if (scores <= block.Threads * block.Items) return block;
        }

        throw new ArgumentOutOfRangeException(nameof(scores), scores, $"A selection has at most {MaxScores} scores.");
    }
}
