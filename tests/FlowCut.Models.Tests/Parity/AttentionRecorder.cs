using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Parity;

/// <summary>What a scored layer's attention read, exactly as the device holds it, widened.</summary>
/// <param name="ClassQuery">[heads][head size].</param>
/// <param name="Keys">[heads][CLS and patches][head size].</param>
/// <param name="Values">[heads][CLS and patches][head size].</param>
internal sealed record LayerInputs(double[][] ClassQuery, double[][][] Keys, double[][][] Values);

/// <summary>Another backend that writes down the inputs of every attention pass that exports something. One picture at a time.</summary>
internal sealed class AttentionRecorder(Backend inner) : BackendDecorator(inner)
{
    /// <summary>Of every scored layer, in order.</summary>
    public List<LayerInputs> Layers { get; } = [];

    public override void Attention(in AttentionArguments arguments)
    {
        if (arguments.Export is not null)
        {
            Assert.Equal(1, arguments.Keys.Count);
            var query = Heads(arguments.Query.SliceRows(0, 1), arguments.HeadSize);
            Layers.Add(new LayerInputs([.. query.Select(head => head[0])], Heads(arguments.Key, arguments.HeadSize), Heads(arguments.Value, arguments.HeadSize)));
        }

        base.Attention(arguments);
    }

    /// <summary>[rows, heads·size] as [heads][rows][size].</summary>
    private double[][][] Heads(Tensor tensor, int size)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        Inner.Download(tensor, values);
        double[] Part(int row, int head) => Array.ConvertAll(values[(row * tensor.Columns + head * size)..(row * tensor.Columns + (head + 1) * size)], x => (double)x);
        return [.. Enumerable.Range(0, tensor.Columns / size).Select(head => Enumerable.Range(0, tensor.Rows).Select(row => Part(row, head)).ToArray())];
    }
}
