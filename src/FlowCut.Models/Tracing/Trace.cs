using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
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

    /// <summary>Positions on one axis as a vector, on three as a matrix.</summary>
    internal void AddPositions(string name, Backend backend, IndexView positions, int axes)
    {
        var all = new int[positions.Start + positions.Length];
        backend.Download(positions.Buffer, all);
        var values = Array.ConvertAll(all[positions.Start..], position => (long)position);
        if (axes == 1) Add(name, values, values.Length);
        else Add(name, values, axes, values.Length / axes);
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
            if (layer.KeptGroups is not null) Add(name + "keep_groups", layer.KeptGroups);
        }
    }

    /// <summary>Several pictures in one tensor each: scores of those that are still scored, numbers counted over all pictures.</summary>
    internal void AddRecords(PruningRecord[] records, int groupSize)
    {
        foreach (var layer in records.SelectMany(r => r.Layers).Select(l => l.Layer).Distinct().Order())
        {
            var name = $"vision.layer.{layer}.";
            var scored = records.Select(r => r.Layers.Find(l => l.Layer == layer)).OfType<LayerRecord>().ToArray();
            AddScores(name + "cls_attention", Join(l => l.Attention));
            AddScores(name + "semantic", Join(l => l.Semantic));
            AddScores(name + "density", Join(l => l.Density));
            AddScores(name + "score", Join(l => l.Score));
            AddScores(name + "cumulative", Join(l => l.Cumulative));
            Add(name + "entropy_ratio", [.. scored.Select(l => (float)l.EntropyRatio)], scored.Length);
            if (scored.All(l => l.Kept is null)) continue;
            var numbers = new List<int>();
            var start = 0;
            foreach (var record in records)
            {
                var offset = start;
                numbers.AddRange(record.KeptAfter(layer).Select(n => n + offset));
                start += record.Patches;
            }

            Add(name + "keep_indices", [.. numbers]);
            if (scored.Any(l => l.KeptGroups is not null)) Add(name + "keep_groups", [.. numbers.Where((_, i) => i % groupSize == 0).Select(n => n / groupSize)]);

            float[]? Join(Func<LayerRecord, float[]?> scores) => scored.All(l => scores(l) is not null) ? [.. scored.SelectMany(l => scores(l)!)] : null;
        }
    }

    /// <summary>What was dropped in the language model, over the visual tokens of all pictures.</summary>
    internal void AddLanguage(IReadOnlyList<EncodedPicture> pictures, ModelDescription model)
    {
        foreach (var layer in pictures.SelectMany(p => p.Language).Select(r => r.Layer).Distinct().Order())
        {
            var name = $"language.layer.{layer}.";
            var scored = pictures.Select(p => p.Language.Find(r => r.Layer == layer)).OfType<DecoderRecord>().ToArray();
            AddScores(name + "attention", Joined(r => r.Attention));
            AddScores(name + "semantic", Joined(r => r.Semantic));
            AddScores(name + "density", Joined(r => r.Density));
            AddScores(name + "score", Joined(r => r.Score));
            List<int> entered = [], numbers = [];
            int tokens = 0, unpruned = 0;
            foreach (var picture in pictures)
            {
                var kept = picture.Language.Find(r => r.Layer == layer)?.Kept ?? [.. Enumerable.Range(0, picture.Tokens.Rows)];
                entered.AddRange(kept.Select(i => i + tokens));
                // merged tokens are counted on behind those of the picture
                numbers.AddRange(kept.Select(i => (i < picture.Numbers.Count ? picture.Numbers[i] : picture.Unpruned + i - picture.Numbers.Count) + unpruned));
                tokens += picture.Tokens.Rows;
                unpruned += picture.Unpruned;
            }

            // where the picture is one grid of patches its tokens are called by their patches
            Add(name + "keep_indices", [.. model.Form == PictureForm.Square ? numbers : entered]);
            if (model.Form == PictureForm.Native) Add(name + "keep_groups", [.. numbers]);

            float[]? Joined(Func<DecoderRecord, float[]?> scores) => scored.All(r => scores(r) is not null) ? [.. scored.SelectMany(r => scores(r)!)] : null;
        }
    }

    /// <summary>Names with something in front.</summary>
    internal TraceScope Scope(string prefix) => new(this, prefix);

    private void AddScores(string name, float[]? values)
    {
        if (values is not null) Add(name, values, values.Length);
    }

    private void Add(string name, StoredType type, ReadOnlySpan<byte> bytes, long[] shape) =>
        _tensors[name] = new TensorData(type, shape, bytes.ToArray());
}
