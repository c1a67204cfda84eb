namespace FlowCut.Kernels.Cases;

/// <summary>Attention of one query row of one head by its definition, in double precision.</summary>
internal static class AttentionOracle
{
    /// <summary>log softmax of query·key·scale over the keys.</summary>
    public static double[] LogProbabilities(double[] query, double[][] keys, double scale)
    {
        if (keys.Length == 0) return [];
        var scores = Array.ConvertAll(keys, key => scale * key.Select((k, d) => k * query[d]).Sum());
        // Max is a NaN if any score is; infinite scores become ∞ − ∞
        var max = scores.Aggregate(Math.Max);
        var logSum = max + Math.Log(scores.Sum(s => Math.Exp(s - max)));
        return Array.ConvertAll(scores, s => s - logSum);
    }

    /// <summary>The probability-weighted sum of the values; 0 without any.</summary>
    public static double[] Output(double[] logProbabilities, double[][] values, int size)
    {
        var output = new double[size];
        for (var j = 0; j < values.Length; j++)
        {
            for (var d = 0; d < size; d++) output[d] += Math.Exp(logProbabilities[j]) * values[j][d];
        }

        return output;
    }

    /// <summary>The mean of rows, 0 without any.</summary>
    public static double[] Mean(double[][] rows, int columns) =>
        [.. Enumerable.Range(0, columns).Select(c => rows.Length == 0 ? 0 : rows.Sum(row => row[c]) / rows.Length)];
}
