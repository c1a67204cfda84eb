namespace FlowCut.Models.Pruning.Reference;

/// <summary>
/// Every formula of FlowCut (spec/flowcut.md, sections 1 to 3 and 6) in double precision, written for obviousness:
/// the oracle that all kernels are compared with. Heads are the first index, tokens the second; token 0 is CLS where
/// a method has one. Nothing here is fast.
/// </summary>
public static class FlowReference
{
    /// <summary>a_j: head mean of softmax(q_cls·K/√d), patch entries only. Released: over CLS and patches; paper: over the patches.</summary>
    /// <param name="classQuery">[heads, d].</param>
    /// <param name="keys">[heads, 1 + patches, d].</param>
    /// <param name="overPatches">The paper's softmax.</param>
    /// <returns>[patches].</returns>
    public static double[] Attention(double[][] classQuery, double[][][] keys, bool overPatches) =>
        HeadMean(keys, (head, tokens) => PatchSoftmax(tokens, token => Dot(classQuery[head], token) / Math.Sqrt(token.Length), overPatches));

    /// <summary>s_j by the given criterion, not normalised over the patches.</summary>
    /// <param name="values">[heads, 1 + patches, d].</param>
    /// <param name="criterion">Which of the three.</param>
    /// <returns>[patches].</returns>
    public static double[] Semantic(double[][][] values, SemanticCriterion criterion) => criterion switch
    {
        SemanticCriterion.ValueSoftmax => HeadMean(values, (_, tokens) => PatchSoftmax(tokens, token => Dot(tokens[0], token), overPatches: false)),
        SemanticCriterion.ScaledValueSoftmax => HeadMean(values, (_, tokens) => PatchSoftmax(tokens, token => Dot(tokens[0], token) / Math.Sqrt(token.Length), overPatches: true)),
        SemanticCriterion.Cosine => Cosine(values),
        _ => throw new ArgumentOutOfRangeException(nameof(criterion)),
    };

    /// <summary>d_j: L1 norm over d of the head mean of the values, patch entries only.</summary>
    /// <param name="values">[heads, tokens, d].</param>
    /// <param name="hasClass">Whether token 0 is CLS and is left out.</param>
    public static double[] Density(double[][][] values, bool hasClass = true)
    {
        var first = hasClass ? 1 : 0;
        var density = new double[values[0].Length - first];
        for (var j = 0; j < density.Length; j++)
        {
            for (var c = 0; c < values[0][0].Length; c++)
                density[j] += Math.Abs(values.Average(head => head[j + first][c]));
        }

        return density;
    }

    /// <summary>I_j = (a_j/Σa + s_j/Σs)·d_j over the chosen criteria; a criterion whose sum is 0 contributes 0; density alone: d_j.</summary>
    public static double[] Fuse(double[] attention, double[] semantic, double[] density, Criteria criteria)
    {
        double sumAttention = attention.Sum(), sumSemantic = semantic.Sum();
        var fused = new double[attention.Length];
        for (var j = 0; j < fused.Length; j++)
        {
            var relevance = 0.0;
            if (criteria.HasFlag(Criteria.Attention) && sumAttention != 0) relevance += attention[j] / sumAttention;
            if (criteria.HasFlag(Criteria.Semantic) && sumSemantic != 0) relevance += semantic[j] / sumSemantic;
            if (criteria == Criteria.Density) relevance = 1;
            fused[j] = relevance * (criteria.HasFlag(Criteria.Density) ? density[j] : 1);
        }

        return fused;
    }

    /// <summary>S ← (1 − w)·S + w·I; S = I at the first scored layer (<paramref name="previous"/> null).</summary>
    public static double[] Accumulate(double[]? previous, double[] score, double weight) =>
        previous is null ? score : previous.Zip(score, (s, i) => (1 - weight) * s + weight * i).ToArray();

    /// <summary>h = −Σ p·log p / log N with p = a/Σa and 0·log 0 = 0; 0 when N ≤ 1 or Σa = 0.</summary>
    public static double EntropyRatio(double[] attention)
    {
        var sum = attention.Sum();
        if (attention.Length <= 1 || sum == 0) return 0;
        return -attention.Select(a => a / sum).Where(p => p != 0).Sum(p => p * Math.Log(p)) / Math.Log(attention.Length);
    }

    /// <summary>r before rounding: (N − T)/√rpl·(1 − h²).</summary>
    public static double DropCount(int alive, int target, int remaining, double entropyRatio) =>
        (alive - target) / Math.Sqrt(remaining) * (1 - entropyRatio * entropyRatio);

    /// <summary>The <paramref name="count"/> largest, ties to the lowest index, NaN below every number; ascending.</summary>
    public static int[] SelectTop(double[] scores, int count) =>
        Enumerable.Range(0, scores.Length)
            .OrderBy(j => double.IsNaN(scores[j])).ThenByDescending(j => scores[j]).ThenBy(j => j)
            .Take(count).Order().ToArray();

    /// <summary>
    /// Scores inside the decoder (section 6): the last prompt token against the visual tokens, both softmaxes over these
    /// alone and scaled by 1/√d. Key/value heads are repeated to the query heads.
    /// </summary>
    /// <param name="query">[heads, d].</param>
    /// <param name="textValue">[key/value heads, d]: the last prompt token's.</param>
    /// <param name="keys">[key/value heads, visual tokens, d].</param>
    /// <param name="values">[key/value heads, visual tokens, d].</param>
    public static (double[] Attention, double[] Semantic, double[] Density, double[] Score) TextGuided(
        double[][] query, double[][] textValue, double[][][] keys, double[][][] values)
    {
        var group = query.Length / keys.Length;
        var repeatedKeys = query.Select((_, head) => keys[head / group]).ToArray();
        var repeatedValues = query.Select((_, head) => values[head / group]).ToArray();
        var attention = HeadMean(repeatedKeys, (head, tokens) => Softmax(tokens.Select(token => Dot(query[head], token) / Math.Sqrt(token.Length)).ToArray()));
        var semantic = HeadMean(repeatedValues, (head, tokens) => Softmax(tokens.Select(token => Dot(textValue[head / group], token) / Math.Sqrt(token.Length)).ToArray()));
        var density = Density(repeatedValues, hasClass: false);
        return (attention, semantic, density, Fuse(attention, semantic, density, Criteria.All));
    }

    private static double[] Cosine(double[][][] values)
    {
        double[] Token(int j) => values.SelectMany(head => head[j]).ToArray();
        var cls = Token(0);
        return Enumerable.Range(1, values[0].Length - 1).Select(j =>
        {
            var norms = Math.Sqrt(Dot(cls, cls)) * Math.Sqrt(Dot(Token(j), Token(j)));
            return norms == 0 ? 0 : Math.Clamp(Dot(cls, Token(j)) / norms, 0, 1);
        }).ToArray();
    }

    private static double[] PatchSoftmax(double[][] tokens, Func<double[], double> logit, bool overPatches) =>
        overPatches ? Softmax(tokens.Skip(1).Select(logit).ToArray()) : Softmax(tokens.Select(logit).ToArray())[1..];

    private static double[] Softmax(double[] logits)
    {
        var max = logits.Length == 0 ? 0 : logits.Max();
        var exponentials = logits.Select(x => Math.Exp(x - max)).ToArray();
        var sum = exponentials.Sum();
        return exponentials.Select(e => e / sum).ToArray();
    }

    private static double[] HeadMean(double[][][] heads, Func<int, double[][], double[]> perHead)
    {
        var rows = heads.Select((tokens, head) => perHead(head, tokens)).ToArray();
        return Enumerable.Range(0, rows[0].Length).Select(j => rows.Average(row => row[j])).ToArray();
    }

    private static double Dot(double[] x, double[] y) => x.Zip(y, (a, b) => a * b).Sum();
}
