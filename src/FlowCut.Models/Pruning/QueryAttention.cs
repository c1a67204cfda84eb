using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>What single rows of a prompt attend to, one after the other: a row of probabilities per head, never a matrix of rows and keys.</summary>
internal sealed class QueryAttention : IDisposable
{
    private readonly DecoderStage _stage;
    private readonly Tensor _query, _value;

    public QueryAttention(DecoderStage stage)
    {
        _stage = stage;
        _query = stage.Backend.Allocate(1, stage.Heads * stage.HeadSize, Precision.Single);
        _value = stage.Backend.Allocate(1, stage.KeyValueHeads * stage.HeadSize, Precision.Single);
        Means = new HeadMeans(stage.Backend, stage.Heads, stage.KeyValueHeads, stage.Rows);
    }

    /// <summary>For means over heads of what <see cref="Row"/> gives.</summary>
    public HeadMeans Means { get; }

    /// <summary>[heads, keys]: logarithms of what a query of the layer attends to, over the keys up to its own row. Valid until the next call.</summary>
    /// <param name="layer">What was observed.</param>
    /// <param name="query">Among its queries.</param>
    public Tensor Row(in DecoderLayer layer, int query)
    {
        var keys = layer.Keys.Rows - layer.Queries.Rows + query + 1;
        var export = Means.Export(keys);
        _stage.Backend.Copy(layer.Queries.SliceRows(query, 1), _query);
        _stage.Backend.AttentionRow(new AttentionRowArguments
        {
            Query = _query,
            // products with values are not asked for
            GlobalValue = _value,
            Key = layer.Keys.SliceRows(0, keys),
            Value = layer.Values.SliceRows(0, keys),
            Keys = new Sequences(0, keys),
            Heads = _stage.Heads,
            KeyValueHeads = _stage.KeyValueHeads,
            HeadSize = _stage.HeadSize,
            Scale = 1 / MathF.Sqrt(_stage.HeadSize),
            Export = export,
        });
        return export.LogProbabilities;
    }

    public void Dispose()
    {
        _query.Buffer.Dispose();
        _value.Buffer.Dispose();
        Means.Dispose();
    }
}
