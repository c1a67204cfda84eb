namespace FlowCut.Models.Pruning;

/// <summary>
/// What published settings, made for 576 visual tokens and 32 decoder layers, become in a model of other sizes (spec/rivals.md, "Other
/// sizes"): this project's rule, not the authors'.
/// </summary>
internal static class PublishedSizes
{
    private const int Tokens = 576, DecoderLayers = 32;

    /// <summary>Published decoder layers in a decoder of <paramref name="count"/>.</summary>
    /// <param name="method">For a message.</param>
    /// <param name="published">Ascending.</param>
    /// <param name="count">Layers of the decoder.</param>
    /// <param name="behind">Layers that must follow the last one: 2 where tokens are dropped after it, 1 where before it.</param>
    /// <exception cref="InputException">The decoder has too few; the message names the least.</exception>
    public static int[] Layers(string method, IReadOnlyList<int> published, int count, int behind)
    {
        var layers = Scaled(published, count);
        if (layers[^1] <= count - behind) return layers;
        var least = count;
        while (Scaled(published, least)[^1] > least - behind) least++;
        throw new InputException($"{method} drops tokens at {published.Count} layers of the language model, for which its {count} are too few; {least} or more would do");
    }

    /// <summary>Layers that a user names.</summary>
    /// <exception cref="InputException">The decoder has no such layer, or nothing follows it.</exception>
    public static int[] Check(string method, int[] layers, int count, int behind) => layers[^1] <= count - behind
        ? layers
        : throw new InputException($"{method} cannot drop tokens {(behind == 2 ? "after" : "before")} layer {layers[^1]}: the language model has {count} layers, of which {(behind == 2 ? 0 : 1)} to {count - behind} are possible");

    /// <summary>The row whose budget is nearest as a share of all tokens, the larger on ties.</summary>
    /// <param name="rows">Of a table, each with its budget out of 576.</param>
    /// <param name="budget">Of a row.</param>
    /// <param name="keep">The budget.</param>
    /// <param name="tokens">Of the picture.</param>
    public static T Nearest<T>(IEnumerable<T> rows, Func<T, int> budget, int keep, int tokens) =>
        rows.OrderByDescending(budget).MinBy(row => Math.Abs((long)budget(row) * tokens - (long)keep * Tokens))!;

    /// <summary>A published share of the tokens for another budget.</summary>
    public static double Share(double published, int row, int keep, int tokens) => published * ((double)keep / tokens) / ((double)row / Tokens);

    /// <summary>A published count for another budget, half to even.</summary>
    public static int Count(int published, int row, int keep) => Round((double)published * keep / row);

    /// <summary>Counts that fall from drop to drop: each at least 1 and below what is alive, as far as there is more than one.</summary>
    public static int[] Falling(int[] counts, int alive)
    {
        var falling = new int[counts.Length];
        for (var i = 0; i < counts.Length; i++) alive = falling[i] = Math.Max(1, Math.Min(counts[i], alive - 1));
        return falling;
    }

    /// <summary>Half to even.</summary>
    public static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);

    private static int[] Scaled(IReadOnlyList<int> published, int count)
    {
        var layers = new int[published.Count];
        for (var i = 0; i < layers.Length; i++)
        {
            layers[i] = Math.Max(1, Round((double)published[i] * count / DecoderLayers));
            if (i > 0) layers[i] = Math.Max(layers[i], layers[i - 1] + 1);
        }

        return layers;
    }
}
