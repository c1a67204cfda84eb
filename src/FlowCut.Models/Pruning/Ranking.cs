namespace FlowCut.Models.Pruning;

/// <summary>Choices by scores that the host has: the largest first, equal ones by the lowest index.</summary>
internal static class Ranking
{
    /// <summary>All indices, by descending score; NaN behind every number.</summary>
    public static int[] Descending(ReadOnlySpan<float> scores)
    {
        // score and index in one number: a plain sort then keeps equal scores in order
        var keys = new long[scores.Length];
        for (var i = 0; i < keys.Length; i++) keys[i] = ((long)~Ordered(scores[i]) << 32) | (uint)i;
        Array.Sort(keys);
        return Array.ConvertAll(keys, key => (int)(uint)key);
    }

    /// <summary>A whole number that is ordered as the scores are.</summary>
    private static int Ordered(float score)
    {
        if (float.IsNaN(score)) return int.MinValue;
        // −0 equals 0
        var bits = BitConverter.SingleToInt32Bits(score + 0f);
        return bits < 0 ? bits ^ int.MaxValue : bits;
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
