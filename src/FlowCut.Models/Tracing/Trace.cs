using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Tracing;

/// <summary>
/// What a run saw, under the names of the trace table (docs/trace.md): a set of named tensors, kept in memory until
/// <see cref="Save"/>. Where several pictures are encoded together, names get the prefix image.K.
/// </summary>
public sealed class Trace
{
    private readonly Dictionary<string, TensorData> _tensors = new(StringComparer.Ordinal);

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorData> Tensors => _tensors;

    public void Add(string name, ReadOnlySpan<float> values, params long[] shape) => Add(name, StoredType.Float32, MemoryMarshal.AsBytes(values), shape);

    public void Add(string name, ReadOnlySpan<long> values, params long[] shape) => Add(name, StoredType.Int64, MemoryMarshal.AsBytes(values), shape);

    public void Add(string name, ReadOnlySpan<byte> values, params long[] shape) => Add(name, StoredType.UInt8, values, shape);

    public void Add(string name, ReadOnlySpan<int> values)
    {
        var wide = new long[values.Length];
        for (var i = 0; i < values.Length; i++) wide[i] = values[i];
        Add(name, wide, wide.Length);
    }

    /// <summary>Writes all tensors as one safetensors file, to a temporary name first.</summary>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public void Save(string path) => SafetensorsWriter.Write(path, _tensors);

    internal static string Prefix(int picture, int pictures) => pictures > 1 ? $"image.{picture}." : "";

    /// <summary>Downloads a tensor, per sequence where there are several.</summary>
    internal void AddRows(string name, Backend backend, Tensor tensor, Sequences sequences)
    {
        for (var i = 0; i < sequences.Count; i++)
            AddRows(Prefix(i, sequences.Count) + name, backend, tensor.SliceRows(sequences.Start(i), sequences.Length(i)));
    }

    internal void AddRows(string name, Backend backend, Tensor tensor)
    {
        var values = new float[(long)tensor.Rows * tensor.Columns];
        backend.Download(tensor, values);
        Add(name, values, tensor.Rows, tensor.Columns);
    }

    /// <summary>One row as a vector.</summary>
    internal void AddVector(string name, Backend backend, Tensor row)
    {
        var values = new float[row.Columns];
        backend.Download(row, values);
        Add(name, values, values.Length);
    }

    internal void AddRecord(string prefix, PruningRecord record)
    {
        foreach (var layer in record.Layers)
        {
            var name = $"{prefix}vision.layer.{layer.Layer}.";
            AddScores(name + "cls_attention", layer.Attention);
            AddScores(name + "semantic", layer.Semantic);
            AddScores(name + "density", layer.Density);
            AddScores(name + "score", layer.Score);
            AddScores(name + "cumulative", layer.Cumulative);
            Add(name + "entropy_ratio", [(float)layer.EntropyRatio], 1);
            if (layer.Kept is not null) Add(name + "keep_indices", layer.Kept);
        }
    }

    private void AddScores(string name, float[]? values)
    {
        if (values is not null) Add(name, values, values.Length);
    }

    private void Add(string name, StoredType type, ReadOnlySpan<byte> bytes, long[] shape) =>
        _tensors[name] = new TensorData(type, shape, bytes.ToArray());
}
