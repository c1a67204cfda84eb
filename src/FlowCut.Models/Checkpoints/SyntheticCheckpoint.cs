using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Random fp16 weights in memory, for timing without a download: every tensor that is asked for is there, of the shape asked for.
/// Matrices are scaled by 1/√inputs and norm weights are 1, so that activations stay in range. Every tensor has its own memory,
/// as a real checkpoint's have.
/// </summary>
internal sealed unsafe class SyntheticCheckpoint : Checkpoint
{
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<nint> _allocations = [];

    ~SyntheticCheckpoint() => Dispose(false);

    public override string Location => "synthetic weights";

    public override IReadOnlyCollection<string> Names => _tensors.Keys;

    public override long TotalBytes => _tensors.Values.Sum(t => t.ByteLength);

    public override bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor) => _tensors.TryGetValue(name, out tensor);

    private protected override void Provide(string name, ReadOnlySpan<long> shape)
    {
        if (_tensors.ContainsKey(name)) return;
        if (shape.Length > 1) AddMatrix(name, shape.ToArray());
        else AddVector(name, shape[0], name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : name.EndsWith(".bias", StringComparison.Ordinal) ? 0 : 0.1f);
    }

    /// <summary>Adds a matrix [rows, inputs], or with more than two extents a kernel whose inputs are all but the first.</summary>
    private void AddMatrix(string name, params long[] shape)
    {
        long count = 1;
        foreach (var extent in shape) count *= extent;
        var data = Add(name, shape, count);
        // uniform in ±√3/√inputs has variance 1/inputs
        var scale = MathF.Sqrt(3f * shape[0] / count);
        var state = (uint)(_tensors.Count * 2654435761) | 1;
        for (long i = 0; i < count; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            data[i] = (Half)(((state >> 8) * (2f / (1 << 24)) - 1) * scale);
        }
    }

    private void AddVector(string name, long length, float value)
    {
        var data = Add(name, [length], length);
        for (long i = 0; i < length; i++) data[i] = (Half)value;
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var allocation in _allocations) NativeMemory.AlignedFree((void*)allocation);
        _allocations.Clear();
    }

    private Half* Add(string name, long[] shape, long count)
    {
        var bytes = count * sizeof(Half);
        var data = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        _allocations.Add((nint)data);
        _tensors.Add(name, new StoredTensor(name, Location, StoredType.Float16, shape, data, bytes));
        return (Half*)data;
    }
}
