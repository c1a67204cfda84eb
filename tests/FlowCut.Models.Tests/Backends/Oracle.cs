using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

/// <summary>The operations in double precision, by their definitions. Matrices are dense and row-major.</summary>
internal static class Oracle
{
    public static double[] LayerNorm(float[] x, int rows, int columns, float[] weight, float[] bias, float epsilon)
    {
        var y = new double[x.Length];
        for (var r = 0; r < rows; r++)
        {
            var row = Enumerable.Range(r * columns, columns).ToArray();
            var mean = row.Average(i => (double)x[i]);
            var variance = row.Average(i => (x[i] - mean) * (x[i] - mean));
            foreach (var i in row) y[i] = (x[i] - mean) / Math.Sqrt(variance + epsilon) * weight[i % columns] + bias[i % columns];
        }

        return y;
    }

    public static double[] RmsNorm(float[] x, int rows, int columns, float[] weight, float epsilon)
    {
        var y = new double[x.Length];
        for (var r = 0; r < rows; r++)
        {
            var row = Enumerable.Range(r * columns, columns).ToArray();
            var scale = Math.Sqrt(row.Average(i => (double)x[i] * x[i]) + epsilon);
            foreach (var i in row) y[i] = x[i] / scale * weight[i % columns];
        }

        return y;
    }

    public static double[] GatedSilu(float[] gateUp, int rows, int columns)
    {
        var y = new double[rows * columns];
        for (var i = 0; i < y.Length; i++)
        {
            var gate = (double)gateUp[i / columns * 2 * columns + i % columns];
            y[i] = gate / (1 + Math.Exp(-gate)) * gateUp[i / columns * 2 * columns + columns + i % columns];
        }

        return y;
    }

    /// <summary>The angle is a single-precision product, as the models were trained with; the rest is double.</summary>
    public static double[] Rotate(float[] x, int columns, int[] positions, float[] inverseFrequencies)
    {
        var half = inverseFrequencies.Length;
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var (row, inHead) = (i / columns, i % columns % (2 * half));
            var angle = (double)(positions[row] * inverseFrequencies[inHead % half]);
            y[i] = inHead < half
                ? x[i] * Math.Cos(angle) - x[i + half] * Math.Sin(angle)
                : x[i] * Math.Cos(angle) + x[i - half] * Math.Sin(angle);
        }

        return y;
    }

    /// <summary>Attention and, for the exported row, the logarithms of its probabilities. Rows that see nothing are 0.</summary>
    public static (double[] Output, double[] LogProbabilities) Attention(AttentionCase c, float[] query, float[] key, float[] value)
    {
        var queries = new Sequences(c.QueryOffsets);
        var keys = new Sequences(c.KeyOffsets);
        var output = new double[query.Length];
        var logProbabilities = new double[c.Heads * keys.Rows];
        for (var s = 0; s < queries.Count; s++)
        {
            for (var i = 0; i < queries.Length(s); i++)
            {
                for (var head = 0; head < c.Heads; head++)
                {
                    var q = (queries.Start(s) + i) * c.Heads * c.HeadSize + head * c.HeadSize;
                    var keyColumn = head * c.KeyValueHeads / c.Heads * c.HeadSize;
                    var scores = new double[keys.Length(s)];
                    for (var j = 0; j < scores.Length; j++)
                    {
                        var k = (keys.Start(s) + j) * c.KeyValueHeads * c.HeadSize + keyColumn;
                        for (var d = 0; d < c.HeadSize; d++) scores[j] += (double)query[q + d] * key[k + d];
                        scores[j] *= c.Scale;
                        if (c.Causal && j > scores.Length - queries.Length(s) + i) scores[j] = double.NegativeInfinity;
                    }

                    var max = scores.Append(double.NegativeInfinity).Max();
                    var sum = scores.Sum(x => Math.Exp(x - max));
                    for (var j = 0; j < scores.Length; j++)
                    {
                        if (i == 0) logProbabilities[head * keys.Rows + keys.Start(s) + j] = scores[j] - max - Math.Log(sum);
                        if (double.IsNegativeInfinity(max)) continue;
                        var v = (keys.Start(s) + j) * c.KeyValueHeads * c.HeadSize + keyColumn;
                        for (var d = 0; d < c.HeadSize; d++) output[q + d] += Math.Exp(scores[j] - max) / sum * value[v + d];
                    }
                }
            }
        }

        return (output, logProbabilities);
    }

    /// <summary>[heads, key rows]: logarithms of the softmax of one query per sequence, over all its keys.</summary>
    public static double[] LogProbabilities(AttentionCase c, float[] query, float[] key) =>
        Attention(c with { Causal = false }, query, key, key).LogProbabilities;

    /// <summary>As the other one, with a global value [sequences, key/value heads·size] that is no row, and its squared norm.</summary>
    public static (double[] Products, double[] Density, double[] SquaredNorms, double[] GlobalNorms) ValueStatistics(AttentionCase c, float[] value, float[] global)
    {
        var keys = new Sequences(c.KeyOffsets);
        var columns = c.KeyValueHeads * c.HeadSize;
        var (_, density, squaredNorms) = ValueStatistics(c with { QueryOffsets = c.KeyOffsets }, value);
        var products = new double[c.KeyValueHeads * keys.Rows];
        for (var s = 0; s < keys.Count; s++)
        {
            for (var j = keys.Start(s); j < keys.Start(s) + keys.Length(s); j++)
            {
                for (var i = 0; i < columns; i++) products[i / c.HeadSize * keys.Rows + j] += (double)global[s * columns + i] * value[j * columns + i];
            }
        }

        var norms = Enumerable.Range(0, keys.Count).Select(s => global.Skip(s * columns).Take(columns).Sum(x => (double)x * x));
        return (products, density, squaredNorms, [.. norms]);
    }

    public static (double[] Products, double[] Density, double[] SquaredNorms) ValueStatistics(AttentionCase c, float[] value)
    {
        var keys = new Sequences(c.KeyOffsets);
        var columns = c.KeyValueHeads * c.HeadSize;
        var products = new double[c.KeyValueHeads * keys.Rows];
        var density = new double[keys.Rows];
        var squaredNorms = new double[keys.Rows];
        for (var s = 0; s < keys.Count; s++)
        {
            for (var j = keys.Start(s); j < keys.Start(s) + keys.Length(s); j++)
            {
                for (var d = 0; d < c.HeadSize; d++)
                {
                    var mean = 0.0;
                    for (var head = 0; head < c.KeyValueHeads; head++)
                    {
                        double v = value[j * columns + head * c.HeadSize + d];
                        products[head * keys.Rows + j] += value[(keys.Start(s) + keys.Length(s) - new Sequences(c.QueryOffsets).Length(s)) * columns + head * c.HeadSize + d] * v;
                        squaredNorms[j] += v * v;
                        mean += v / c.KeyValueHeads;
                    }

                    density[j] += Math.Abs(mean);
                }
            }
        }

        return (products, density, squaredNorms);
    }
}

/// <summary>Shapes of one attention pass; queries and keys are given by their sequences' offsets.</summary>
public sealed record AttentionCase(string Name, int[] QueryOffsets, int[] KeyOffsets, int Heads, int KeyValueHeads, int HeadSize, bool Causal = false)
{
    public float Scale => 1 / MathF.Sqrt(HeadSize);

    public override string ToString() => Name;
}
