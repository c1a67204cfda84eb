namespace FlowCut.Kernels;

/// <summary>
/// A row-major view of device memory that anyone may own: element (r, c) lies at <c>Pointer + (r·RowStride + c)·size</c>.
/// Nothing is checked here and nothing is kept alive; launchers check shape, stride and alignment before they call the driver.
/// </summary>
/// <param name="Pointer">Device address of element (0, 0); aligned to the element's size. Ignored where the view is empty.</param>
/// <param name="Type">How an element is stored.</param>
/// <param name="Rows">Number of rows, 0 or more.</param>
/// <param name="Columns">Elements of a row, 0 or more.</param>
/// <param name="RowStride">Elements from one row's start to the next: at least <paramref name="Columns"/> where there is more than one row.</param>
public readonly record struct DeviceMatrix(nint Pointer, ElementType Type, int Rows, int Columns, long RowStride)
{
    /// <summary>Rows without gaps between them.</summary>
    public DeviceMatrix(nint pointer, ElementType type, int rows, int columns)
        : this(pointer, type, rows, columns, columns) { }

    /// <summary>No element: launchers do nothing.</summary>
    public bool IsEmpty => Rows == 0 || Columns == 0;

    /// <summary>The rows follow each other without gaps.</summary>
    public bool IsContiguous => Rows <= 1 || RowStride == Columns;

    /// <summary>Bytes from the first element to the end of the last; 0 for an empty view.</summary>
    /// <exception cref="OverflowException">The extent does not fit 64 bits.</exception>
    public long Bytes => IsEmpty ? 0 : checked(((Rows - 1L) * RowStride + Columns) * Type.Bytes());

    /// <summary>Rows <paramref name="start"/> up to <paramref name="start"/> + <paramref name="count"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the view.</exception>
    public DeviceMatrix SliceRows(int start, int count)
    {
        RequireRange(start, count, Rows);
        return this with { Pointer = Offset(start * RowStride), Rows = count };
    }

    /// <summary>Columns <paramref name="start"/> up to <paramref name="start"/> + <paramref name="count"/> of every row.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the view.</exception>
    public DeviceMatrix SliceColumns(int start, int count)
    {
        RequireRange(start, count, Columns);
        return this with { Pointer = Offset(start), Columns = count };
    }

    /// <summary>True if rows can be read in pieces of <paramref name="bytes"/> bytes: start, stride and row length are multiples of it.</summary>
    public bool IsAligned(int bytes)
    {
        var size = Type.Bytes();
        return (ulong)Pointer % (uint)bytes == 0 && (long)Columns * size % bytes == 0 && (Rows <= 1 || RowStride * size % bytes == 0);
    }

    private nint Offset(long elements) => checked(Pointer + (nint)(elements * Type.Bytes()));

    private static void RequireRange(int start, int count, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + (long)count, length, nameof(count));
    }
}
