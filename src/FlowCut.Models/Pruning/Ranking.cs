namespace FlowCut.Models.Pruning;

/// <summary>Choices by scores that the host has: the largest first, equal ones by the lowest index.</summary>
internal static class Ranking
{
    /// <summary>All indices, by descending score.</summary>
    public static int[] Descending(ReadOnlySpan<float> scores)
    {
        var values = scores.ToArray();
        return [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i])];
    }

    /// <summary>The indices of the <paramref name="count"/> largest, by descending score.</summary>
    public static int[] Largest(ReadOnlySpan<float> scores, int count) => Descending(scores)[..count];

    /// <summary>The same, ascending.</summary>
    public static int[] Top(ReadOnlySpan<float> scores, int count)
    {
        var top = Largest(scores, count);
        Array.Sort(top);
        return top;
    }

    /// <summary>Index of the largest entry, the lowest on ties.</summary>
    public static int ArgMax(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best]) best = i;
        }

        return best;
    }

    /// <exception cref="ComputationException">One is not a number.</exception>
    public static void Check(ReadOnlySpan<float> scores, string where)
    {
        foreach (var score in scores)
        {
            if (float.IsNaN(score)) throw new ComputationException($"{where}: a pruning score is not a number; the weights or the activations hold NaN or infinity");
        }
    }
}
