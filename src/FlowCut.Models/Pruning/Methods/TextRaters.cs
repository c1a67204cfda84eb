using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

/// <summary>
/// SparseVLM's raters: text tokens t with m_t = mean_j softmax_t(v_j · x_t) above their mean, over a picture's embedded tokens v and the
/// embedded text x behind the pictures.
/// </summary>
internal static class TextRaters
{
    /// <summary>Indices into the text, ascending; where no token is above the mean (all are alike) all of them.</summary>
    /// <param name="stage">The prompt.</param>
    /// <param name="picture">Whose raters are sought.</param>
    /// <param name="inputs">[rows, hidden]: the embedded prompt.</param>
    public static int[] Find(DecoderStage stage, VisualRows picture, Tensor inputs)
    {
        var (text, tokens) = (stage.TextRows, picture.Count);
        var products = stage.Backend.Allocate(text, tokens, Precision.Single);
        var values = new float[text * tokens];
        stage.Backend.Pairwise(PairMeasure.Product, inputs.SliceRows(stage.Rows - text, text), inputs.SliceRows(picture.Start, tokens), products);
        stage.Backend.Download(products, values);
        products.Buffer.Dispose();

        var means = Means(values, text, tokens);
        Ranking.Check(means, "the embedded prompt");
        var mean = means.Sum(m => (double)m) / text;
        int[] raters = [.. Enumerable.Range(0, text).Where(t => means[t] > mean)];
        if (raters.Length == 0) raters = [.. Enumerable.Range(0, text)];
        stage.Trace?.Add("raters", raters);
        stage.Trace?.Add("rater_scores", means);
        return raters;
    }

    /// <summary>The mean over columns of a softmax over rows.</summary>
    private static float[] Means(float[] products, int rows, int columns)
    {
        var sums = new double[rows];
        var exponentials = new double[rows];
        for (var j = 0; j < columns; j++)
        {
            var largest = double.NegativeInfinity;
            for (var t = 0; t < rows; t++) largest = Math.Max(largest, products[t * columns + j]);
            var sum = 0.0;
            for (var t = 0; t < rows; t++) sum += exponentials[t] = Math.Exp(products[t * columns + j] - largest);
            for (var t = 0; t < rows; t++) sums[t] += exponentials[t] / sum;
        }

        return Array.ConvertAll(sums, sum => (float)(sum / columns));
    }
}
