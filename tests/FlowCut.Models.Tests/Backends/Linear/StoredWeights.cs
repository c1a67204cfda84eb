using System.Runtime.InteropServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends.Linear;

/// <summary>
/// Weights as a checkpoint would map them: at an odd address, which no element type is aligned to, and between bytes
/// that read as NaN in every type, so that a sum that takes a neighbour in shows.
/// </summary>
internal sealed unsafe class StoredWeights : IDisposable
{
    private const int Band = 64;
    private readonly List<nint> _allocations = [];

    /// <summary>The matrix, rounded to <paramref name="type"/>; <paramref name="values"/> are row-major.</summary>
    public StoredTensor Matrix(ReadOnlySpan<float> values, int rows, int columns, StoredType type)
    {
        Assert.Equal(rows * columns, values.Length);
        var bytes = Encode(values, type);
        var data = (byte*)NativeMemory.AlignedAlloc((nuint)(2 * Band + 1 + bytes.Length), 64);
        _allocations.Add((nint)data);
        new Span<byte>(data, 2 * Band + 1 + bytes.Length).Fill(0xFF);
        bytes.CopyTo(new Span<byte>(data + Band + 1, bytes.Length));
        return View(data + Band + 1, rows, columns, type);
    }

    /// <summary>The first rows of a matrix.</summary>
    public static StoredTensor FirstRows(StoredTensor matrix, int rows) => View(matrix.Data, rows, (int)matrix.Shape[1], matrix.Type);

    public static byte[] Encode(ReadOnlySpan<float> values, StoredType type)
    {
        switch (type)
        {
            case StoredType.Float32:
                return MemoryMarshal.AsBytes(values).ToArray();
            case StoredType.Float16:
                var halves = new Half[values.Length];
                for (var i = 0; i < halves.Length; i++) halves[i] = (Half)values[i];
                return MemoryMarshal.AsBytes<Half>(halves).ToArray();
            case StoredType.BFloat16:
                var upper = new ushort[values.Length];
                for (var i = 0; i < upper.Length; i++) upper[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
                return MemoryMarshal.AsBytes<ushort>(upper).ToArray();
            default:
                throw new ArgumentOutOfRangeException(nameof(type));
        }
    }

    /// <summary>What the stored values are, widened again.</summary>
    public static float[] Decode(StoredTensor matrix)
    {
        var values = new float[matrix.ElementCount];
        matrix.ReadSingles(values);
        return values;
    }

    public void Dispose()
    {
        foreach (var allocation in _allocations) NativeMemory.AlignedFree((void*)allocation);
    }

    private static StoredTensor View(byte* data, int rows, int columns, StoredType type) =>
        new("w", "memory", type, [rows, columns], data, (long)rows * columns * (type == StoredType.Float32 ? 4 : 2));
}
