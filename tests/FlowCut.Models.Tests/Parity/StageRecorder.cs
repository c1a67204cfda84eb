using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Parity;

/// <summary>Also writes down what the single rows of attention read: [heads][size] of query and value, [heads][tokens][size] of keys and values.</summary>
internal sealed class StageRecorder(Backend inner) : DecoderRecorder(inner)
{
    public List<(double[][] Query, double[][] Value, double[][][] Keys, double[][][] Values)> Rows { get; } = [];

    public override void AttentionRow(in AttentionRowArguments arguments)
    {
        var size = arguments.HeadSize;
        Rows.Add(([.. Heads(arguments.Query, size).Select(head => head[0])], [.. Heads(arguments.GlobalValue, size).Select(head => head[0])], Heads(arguments.Key, size), Heads(arguments.Value, size)));
        base.AttentionRow(arguments);
    }

    /// <summary>[rows, heads·size] as [heads][rows][size].</summary>
    private double[][][] Heads(Tensor tensor, int size)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        Inner.Download(tensor, values);
        return [.. Enumerable.Range(0, tensor.Columns / size).Select(head => Enumerable.Range(0, tensor.Rows)
            .Select(row => Array.ConvertAll(values[(row * tensor.Columns + head * size)..(row * tensor.Columns + (head + 1) * size)], x => (double)x)).ToArray())];
    }
}
