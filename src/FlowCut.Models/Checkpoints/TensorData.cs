using System.Runtime.InteropServices;

namespace FlowCut.Models.Checkpoints;

/// <summary>A tensor in memory, on its way into a file: row-major elements as bytes.</summary>
public readonly record struct TensorData(StoredType Type, long[] Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Copies the values.</summary>
    public static TensorData From(ReadOnlySpan<float> values, params long[] shape) => new(StoredType.Float32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Copies the values.</summary>
    public static TensorData From(ReadOnlySpan<long> values, params long[] shape) => new(StoredType.Int64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Copies the values.</summary>
    public static TensorData From(ReadOnlySpan<byte> values, params long[] shape) => new(StoredType.UInt8, shape, values.ToArray());
}
