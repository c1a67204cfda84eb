namespace FlowCut.Models.Backends;

/// <summary>How exactly values are kept on the device.</summary>
public enum Precision
{
    /// <summary>The backend's activation type: 32 or 16 bits.</summary>
    Activation,
    /// <summary>fp32 on every backend: what decides a selection (scores, the residual stream) or a token (logits).</summary>
    Single,
}

/// <summary>Device memory for activations. Owned by whoever allocated it; a <see cref="Tensor"/> is a view and owns nothing.</summary>
public abstract class DeviceBuffer(long length, int elementBytes) : IDisposable
{
    /// <summary>Room, in elements.</summary>
    public long Length { get; } = length;

    /// <summary>Bytes of one element: 4, or 2 for 16-bit activations.</summary>
    public int ElementBytes { get; } = elementBytes;

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>
/// A view of activations: [<see cref="Rows"/>, <see cref="Columns"/>], rows <see cref="Stride"/> elements apart.
/// A value type, so that slicing costs nothing.
/// </summary>
public readonly record struct Tensor(DeviceBuffer Buffer, long Offset, int Rows, int Columns, int Stride)
{
    /// <summary>Rows start … start + count − 1.</summary>
    public Tensor SliceRows(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, Rows, nameof(count));
        return this with { Offset = Offset + (long)start * Stride, Rows = count };
    }

    /// <summary>The same numbers with <paramref name="group"/> rows as one: [rows/group, group·columns]. Of rows without gaps between them.</summary>
    public Tensor JoinRows(int group)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(group, 1);
        if (Rows % group != 0 || Stride != Columns) throw new ArgumentException($"Rows of [{Rows}, {Columns}] with stride {Stride} cannot be joined in groups of {group}.", nameof(group));
        return this with { Rows = Rows / group, Columns = Columns * group, Stride = Stride * group };
    }

    /// <summary>Columns start … start + count − 1 of every row.</summary>
    public Tensor SliceColumns(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, Columns, nameof(count));
        return this with { Offset = Offset + start, Columns = count };
    }
}

/// <summary>Device memory for row numbers: what a selection kept.</summary>
public abstract class IndexBuffer(int capacity) : IDisposable
{
    public int Capacity { get; } = capacity;

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>Entries Start … Start + Length − 1 of a buffer of row numbers. A view, as <see cref="Tensor"/> is.</summary>
public readonly record struct IndexView(IndexBuffer Buffer, int Start, int Length)
{
    /// <summary>Entries start … start + length − 1 of this view.</summary>
    public IndexView Slice(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + length, Length, nameof(length));
        return this with { Start = Start + start, Length = length };
    }
}

/// <summary>A weight matrix [<see cref="Rows"/> out, <see cref="Columns"/> in] in its stored type, where the backend wants it. Belongs to the backend that loaded it.</summary>
public abstract class Matrix(int rows, int columns)
{
    public int Rows { get; } = rows;

    public int Columns { get; } = columns;
}
