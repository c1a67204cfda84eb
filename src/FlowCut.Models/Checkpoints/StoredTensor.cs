using System.Runtime.CompilerServices;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// A tensor as stored: a zero-copy view of mapped or allocated memory that its <see cref="Checkpoint"/> owns.
/// Valid until the checkpoint is disposed. The data may have any alignment.
/// </summary>
public sealed unsafe class StoredTensor
{
    private readonly byte* _data;
    private readonly MappedFile? _owner;

    /// <summary>A view of memory that the caller keeps alive.</summary>
    public StoredTensor(string name, string file, StoredType type, long[] shape, byte* data, long byteLength)
    {
        Name = name;
        File = file;
        Type = type;
        TypeName = StoredTypes.Name(type);
        Shape = shape;
        _data = data;
        ByteLength = byteLength;
    }

    /// <summary>A view of a mapped file, which tells when the mapping is gone.</summary>
    internal StoredTensor(string name, MappedFile owner, ElementFormat format, long[] shape, long offset, long byteLength)
    {
        if (offset < 0 || byteLength < 0 || offset > owner.Length - byteLength)
            throw new ArgumentOutOfRangeException(nameof(offset), $"A view of {byteLength} bytes at {offset} leaves a file of {owner.Length} bytes.");
        Name = name;
        File = owner.Path;
        Type = format.Type;
        TypeName = format.Name;
        Shape = shape;
        _data = owner.Data + offset;
        _owner = owner;
        ByteLength = byteLength;
    }

    private StoredTensor(StoredTensor whole, long[] shape, long offset, long byteLength)
    {
        (Name, File, Type, TypeName, Shape, ByteLength) = (whole.Name, whole.File, whole.Type, whole.TypeName, shape, byteLength);
        _data = whole._data + offset;
        _owner = whole._owner;
    }

    public string Name { get; }

    /// <summary>The file that holds the data, for messages.</summary>
    public string File { get; }

    public StoredType Type { get; }

    /// <summary>The type's safetensors name, such as <c>F16</c>; tells the members of <see cref="StoredType.Other"/> apart.</summary>
    public string TypeName { get; }

    /// <summary>Row-major; empty for a scalar. Not to be written to.</summary>
    public long[] Shape { get; }

    /// <exception cref="ObjectDisposedException">The checkpoint has been disposed.</exception>
    public byte* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_owner is { IsDisposed: true }, typeof(Checkpoint));
            return _data;
        }
    }

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

    /// <summary>Rows start … start + count − 1 of the first dimension, where they lie.</summary>
    public StoredTensor SliceRows(long start, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (Shape.Length == 0 || start > Shape[0] - count) throw new ArgumentOutOfRangeException(nameof(count), $"Tensor {Quoted.Text(Name)} has no rows {start} to {start + count - 1}.");
        var rowBytes = Shape[0] == 0 ? 0 : ByteLength / Shape[0];
        return new StoredTensor(this, [count, .. Shape[1..]], start * rowBytes, count * rowBytes);
    }

    /// <summary>Widens Float32, Float16, BFloat16 or Float64 to <paramref name="destination"/> (all elements).</summary>
    /// <exception cref="ModelFormatException">The type is none of these.</exception>
    public void ReadSingles(Span<float> destination)
    {
        if (destination.Length != ElementCount)
            throw new ArgumentException($"Expected room for {ElementCount} values, got {destination.Length}.", nameof(destination));
        var data = Data;
        switch (Type)
        {
            case StoredType.Float32:
                new ReadOnlySpan<float>(data, destination.Length).CopyTo(destination);
                break;
            case StoredType.Float16:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(data + 2L * i));
                break;
            case StoredType.BFloat16:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(data + 2L * i) << 16);
                break;
            case StoredType.Float64:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = (float)Unsafe.ReadUnaligned<double>(data + 8L * i);
                break;
            default:
                throw new ModelFormatException(File, $"tensor {Quoted.Text(Name)} is stored as {TypeName}, expected a floating-point type");
        }
    }

    public override string ToString() => $"{Name} {TypeName} [{string.Join(", ", Shape)}]";
}
