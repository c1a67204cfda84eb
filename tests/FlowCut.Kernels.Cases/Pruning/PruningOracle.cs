using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Kernels.Cases;

/// <summary>
/// The pruning operations on what attention and values export, in double precision. FlowReference has the formulas from queries
/// and keys on; here they start from logarithms and products, with masses that may underflow.
/// </summary>
internal static class PruningOracle
{
    /// <summary>Products with the global value, density, squared norms, from the definition.</summary>
    /// <param name="values">[rows][heads·size].</param>
    /// <param name="global">[heads·size].</param>
    /// <param name="heads">Heads.</param>
    public static (double[][] Products, double[] Density, double[] SquaredNorms) ValueStatistics(double[][] values, double[] global, int heads)
    {
        var size = global.Length / Math.Max(heads, 1);
        var products = Enumerable.Range(0, heads).Select(h => values.Select(v => Enumerable.Range(h * size, size).Sum(c => v[c] * global[c])).ToArray()).ToArray();
        var density = values.Select(v => Enumerable.Range(0, size).Sum(c => Math.Abs(Enumerable.Range(0, heads).Sum(h => v[h * size + c]) / heads))).ToArray();
        return (products, density, [.. values.Select(v => v.Sum(x => x * x))]);
    }

    /// <summary>
    /// The head mean of softmaxes, patches only, normalised over the patches, and the logarithm of what it was divided by.
    /// </summary>
    /// <param name="rows">[heads][CLS, where there is one, and patches]: logits, or logarithms of probabilities.</param>
    /// <param name="scale">What logits are multiplied with.</param>
    /// <param name="first">1 where entry 0 is CLS, else 0.</param>
    /// <param name="overFirst">The softmax goes over CLS too.</param>
    /// <param name="isLogarithm">The softmax is done already.</param>
    public static (double[] Normalised, double LogSum) HeadMean(double[][] rows, double scale, int first, bool overFirst, bool isLogarithm)
    {
        // log of each head's probability of each patch
        var logs = rows.Select(row =>
        {
            var logits = row.Select(x => x * scale).ToArray();
            var counted = overFirst ? logits : logits[first..];
            var normaliser = isLogarithm ? 0 : LogSumExp(counted);
            return logits[first..].Select(x => x - normaliser).ToArray();
        }).ToArray();
        var means = Enumerable.Range(0, logs[0].Length).Select(j => LogSumExp([.. logs.Select(head => head[j])]) - Math.Log(rows.Length)).ToArray();
        var sum = LogSumExp(means);
        return double.IsNegativeInfinity(sum) ? (new double[means.Length], sum) : ([.. means.Select(m => Math.Exp(m - sum))], sum);
    }

    /// <summary>Cosine of joined values with the global one, clamped to [0, 1]; 0 where a norm is 0.</summary>
    public static double[] Cosine(double[][] products, double[] squaredNorms, double globalSquaredNorm) =>
    [
        .. squaredNorms.Select((norm, j) =>
        {
            var norms = Math.Sqrt(norm) * Math.Sqrt(globalSquaredNorm);
            return norms == 0 ? 0 : Math.Clamp(products.Sum(head => head[j]) / norms, 0, 1);
        }),
    ];

    /// <summary>Patches that each of a batch's pictures keeps.</summary>
    public static int[] Counts(int[] alive, float[] entropyRatios, int target, int remaining, bool shared)
    {
        var drops = alive.Select((n, i) => n <= target || float.IsNaN(entropyRatios[i]) ? 0 : Math.Max(0, (int)Math.Round(FlowReference.DropCount(n, target, remaining, entropyRatios[i]), MidpointRounding.ToEven))).ToArray();
        return [.. alive.Select((n, i) => n <= target ? n : Math.Max(n - (shared ? drops.Max() : drops[i]), target))];
    }

    /// <summary>The criteria as FlowReference fuses them.</summary>
    public static double[] Fuse(double[] attention, double[] semantic, double[] density, int criteria) => FlowReference.Fuse(attention, semantic, density, (Criteria)criteria);

    private static double LogSumExp(double[] logs)
    {
        if (logs.Length == 0) return double.NegativeInfinity;
        var max = logs.Max();
        return double.IsInfinity(max) ? max : max + Math.Log(logs.Sum(x => Math.Exp(x - max)));
    }
}
