namespace FlowCut.Models.Checkpoints;

/// <summary>
/// A tensor as stored: a zero-copy view of mapped or allocated memory that its <see cref="Checkpoint"/> owns.
/// Valid until the checkpoint is disposed. The data may have any alignment.
/// </summary>
public sealed unsafe class StoredTensor
{
    public StoredTensor(string name, string file, StoredType type, long[] shape, byte* data, long byteLength)
    {
        Name = name;
        File = file;
        Type = type;
        Shape = shape;
        Data = data;
        ByteLength = byteLength;
    }

    public string Name { get; }

    /// <summary>The file that holds the data, for messages.</summary>
    public string File { get; }

    public StoredType Type { get; }

    /// <summary>Row-major; empty for a scalar. Not to be written to.</summary>
    public long[] Shape { get; }

    public byte* Data { get; }

    public long ByteLength { get; }

    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (var extent in Shape) count = checked(count * extent);
            return count;
        }
    }

    /// <summary>The bytes; the tensor must be smaller than 2 GiB.</summary>
    public ReadOnlySpan<byte> Bytes => new(Data, checked((int)ByteLength));

    /// <summary>Widens Float32, Float16, BFloat16 or Float64 to <paramref name="destination"/> (all elements).</summary>
    /// <exception cref="ModelFormatException">The type is none of these.</exception>
    public void ReadSingles(Span<float> destination)
    {
        if (destination.Length != ElementCount)
            throw new ArgumentException($"Expected room for {ElementCount} values, got {destination.Length}.", nameof(destination));
        switch (Type)
        {
            case StoredType.Float32:
                Bytes.CopyTo(System.Runtime.InteropServices.MemoryMarshal.AsBytes(destination));
                break;
            case StoredType.Float16:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = (float)BitConverter.UInt16BitsToHalf(System.Runtime.CompilerServices.Unsafe.ReadUnaligned<ushort>(Data + 2L * i));
                break;
            case StoredType.BFloat16:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)System.Runtime.CompilerServices.Unsafe.ReadUnaligned<ushort>(Data + 2L * i) << 16);
                break;
            case StoredType.Float64:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = (float)System.Runtime.CompilerServices.Unsafe.ReadUnaligned<double>(Data + 8L * i);
                break;
            default:
                throw new ModelFormatException(File, $"tensor '{Name}' is stored as {Type}, expected a floating-point type");
        }
    }

    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}
