namespace FlowCut.Models.Language;

/// <summary>How a long prompt is cut: into chunks of one size, the last of which holds all rows whose queries are asked for.</summary>
internal static class PromptChunks
{
    /// <summary>Rows of the next chunk.</summary>
    /// <param name="remaining">Rows that are not read yet.</param>
    /// <param name="most">Of a chunk, unless more queries are asked for.</param>
    /// <param name="queries">At the end of the prompt, at least 1.</param>
    public static int Next(int remaining, int most, int queries)
    {
        if (remaining <= most || remaining <= queries) return remaining;
        return Math.Min(most, remaining - queries);
    }
}
