using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Clip;

/// <summary>
/// CLIP's text tower: token and position embeddings, causal pre-norm layers, a norm, and the projection of one token of each segment. A
/// text that is longer than the positions is cut into segments that do not see each other.
/// </summary>
internal sealed class ClipTextTower
{
    private const string Prefix = "text_model.";

    private readonly Backend _backend;
    private readonly ClipTextConfig _config;
    private readonly StoredTensor _tokens;
    private readonly float[] _positions;
    private readonly VisionLayer[] _layers;
    private readonly VisionNorm _norm;
    private readonly Matrix _projection;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Shapes that the tensors must have.</param>
    /// <param name="checkpoint">Must outlive the tower.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public ClipTextTower(Backend backend, ClipTextConfig config, Checkpoint checkpoint)
    {
        (_backend, _config) = (backend, config);
        var d = config.Layers.HiddenSize;
        _tokens = checkpoint.Get(Prefix + "embeddings.token_embedding.weight", config.Vocabulary, d);
        _positions = new float[config.Positions * d];
        checkpoint.Get(Prefix + "embeddings.position_embedding.weight", config.Positions, d).ReadSingles(_positions);
        var names = VisionTensorNames.Clip(Prefix);
        _layers = new VisionLayer[config.Layers.Layers];
        for (var i = 0; i < _layers.Length; i++) _layers[i] = new VisionLayer(backend, config.Layers, checkpoint, names, i);
        _norm = new VisionNorm(backend, config.Layers, checkpoint, Prefix + "final_layer_norm");
        _projection = backend.LoadMatrix(checkpoint.Get("text_projection.weight", config.Projection, d));
    }

    /// <summary>[segments, projection]: the embedding of each segment, of length 1. Waits.</summary>
    /// <param name="ids">Of the whole text, the tokens for its beginning and its end included.</param>
    public float[] Embed(int[] ids)
    {
        var starts = Enumerable.Range(0, (ids.Length - 1) / _config.Positions + 1).Select(segment => segment * _config.Positions);
        var segments = new Sequences([.. starts, ids.Length]);
        int d = _config.Layers.HiddenSize, rows = ids.Length;
        using var memory = new TensorScope(_backend);
        Tensor hidden = memory.Allocate(rows, d, Precision.Single), normed = memory.Allocate(rows, d),
            qkv = memory.Allocate(rows, 3 * d), intermediate = memory.Allocate(rows, _config.Layers.IntermediateSize);
        _backend.Upload(Embeddings(ids), hidden);
        foreach (var layer in _layers) Run(layer, segments, hidden, normed, qkv, intermediate);
        return Project(hidden, [.. Enumerable.Range(0, segments.Count).Select(i => segments.Start(i) + Pooled(ids.AsSpan(segments.Start(i), segments.Length(i))))]);
    }

    /// <summary>A few rows of a large table: they are read where they are stored.</summary>
    private float[] Embeddings(int[] ids)
    {
        var d = _config.Layers.HiddenSize;
        var rows = new float[ids.Length * d];
        for (var i = 0; i < ids.Length; i++)
        {
            var row = rows.AsSpan(i * d, d);
            _tokens.SliceRows(ids[i], 1).ReadSingles(row);
            var position = _positions.AsSpan(i % _config.Positions * d, d);
            for (var k = 0; k < d; k++) row[k] += position[k];
        }

        return rows;
    }

    private void Run(VisionLayer layer, Sequences segments, Tensor hidden, Tensor normed, Tensor qkv, Tensor intermediate)
    {
        var config = _config.Layers;
        var d = config.HiddenSize;
        layer.Norm1.Run(hidden, normed);
        _backend.Linear(normed, layer.QueryKeyValue, layer.QueryKeyValueBias, Activation.None, null, qkv);
        _backend.Attention(new AttentionArguments
        {
            Query = qkv.SliceColumns(0, d),
            Key = qkv.SliceColumns(d, d),
            Value = qkv.SliceColumns(2 * d, d),
            Output = normed,
            Heads = config.Heads,
            KeyValueHeads = config.Heads,
            HeadSize = config.HeadSize,
            Scale = 1 / MathF.Sqrt(config.HeadSize),
            Queries = segments,
            Keys = segments,
            Causal = true,
        });
        _backend.Linear(normed, layer.Output, layer.OutputBias, Activation.None, residual: hidden, hidden);
        layer.Norm2.Run(hidden, normed);
        _backend.Linear(normed, layer.Up, layer.UpBias, config.Activation, null, intermediate);
        _backend.Linear(intermediate, layer.Down, layer.DownBias, Activation.None, residual: hidden, hidden);
    }

    /// <summary>Where a segment is pooled: the first place of the end token or, where the configuration is CLIP's own, of the highest id.</summary>
    private int Pooled(ReadOnlySpan<int> ids)
    {
        if (_config.EndToken is { } end) return Math.Max(0, ids.IndexOf(end));
        var best = 0;
        for (var i = 1; i < ids.Length; i++)
        {
            if (ids[i] > ids[best]) best = i;
        }

        return best;
    }

    private float[] Project(Tensor hidden, int[] pooled)
    {
        using var rows = _backend.AllocateIndices(pooled.Length);
        _backend.Upload(pooled, rows);
        using var memory = new TensorScope(_backend);
        Tensor gathered = memory.Allocate(pooled.Length, hidden.Columns, Precision.Single), normed = memory.Allocate(pooled.Length, hidden.Columns),
            projected = memory.Allocate(pooled.Length, _config.Projection, Precision.Single);
        _backend.GatherRows(hidden, new IndexView(rows, 0, pooled.Length), gathered);
        _norm.Run(gathered, normed);
        _backend.Linear(normed, _projection, null, Activation.None, null, projected);
        var values = new float[pooled.Length * _config.Projection];
        _backend.Download(projected, values);
        for (var i = 0; i < pooled.Length; i++) Normalise(values.AsSpan(i * _config.Projection, _config.Projection));
        return values;
    }

    private static void Normalise(Span<float> row)
    {
        var square = 0.0;
        foreach (var value in row) square += (double)value * value;
        if (square == 0) return;
        foreach (ref var value in row) value = (float)(value / Math.Sqrt(square));
    }
}
