using System.Runtime.CompilerServices;

namespace FlowCut.Kernels;

/// <summary>What launchers check before any driver call. Every failure is an <see cref="ArgumentException"/> that names the argument.</summary>
internal static class Require
{
    /// <summary>Shape, stride, pointer and extent of a view make sense.</summary>
    public static void Valid(in DeviceMatrix matrix, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        if (matrix.Rows < 0 || matrix.Columns < 0)
            throw new ArgumentOutOfRangeException(name, $"{name} is {matrix.Rows}×{matrix.Columns}: a size is negative.");
        var size = matrix.Type.Bytes();
        if (matrix.IsEmpty) return;
        if (matrix.Rows > 1 && matrix.RowStride < matrix.Columns)
            throw new ArgumentException($"{name} has rows of {matrix.Columns} elements at a stride of {matrix.RowStride}: they overlap.", name);
        Pointer(matrix.Pointer, size, name);
        Extent(matrix, name);
    }

    /// <summary>Length, pointer and alignment of a view make sense.</summary>
    public static void Valid<T>(in DeviceArray<T> array, [CallerArgumentExpression(nameof(array))] string name = "")
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(array.Length, name);
        if (array.Length > 0) Pointer(array.Pointer, Unsafe.SizeOf<T>(), name);
    }

    /// <summary>An array that may be left out (null pointer) or has to hold at least <paramref name="length"/> values.</summary>
    public static void Length<T>(in DeviceArray<T> array, int length, [CallerArgumentExpression(nameof(array))] string name = "")
        where T : unmanaged
    {
        Valid(array, name);
        if (array.Length < length) throw new ArgumentException($"{name} holds {array.Length} values; {length} are needed.", name);
    }

    /// <summary>A view has exactly these rows and columns.</summary>
    public static void Shape(in DeviceMatrix matrix, int rows, int columns, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        Valid(matrix, name);
        if (matrix.Rows != rows || matrix.Columns != columns)
            throw new ArgumentException($"{name} is {matrix.Rows}×{matrix.Columns}; {rows}×{columns} is needed.", name);
    }

    /// <summary>A view has this element type.</summary>
    public static void Type(in DeviceMatrix matrix, ElementType type, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        if (matrix.Type != type) throw new ArgumentException($"{name} holds {matrix.Type}; {type} is needed.", name);
    }

    /// <summary>
    /// The extents of two views share no byte. Strided views that interleave without sharing an element are refused too:
    /// launchers promise nothing about them.
    /// </summary>
    public static void Disjoint(in DeviceMatrix a, in DeviceMatrix b, [CallerArgumentExpression(nameof(a))] string nameA = "", [CallerArgumentExpression(nameof(b))] string nameB = "")
    {
        if (Overlaps(a.Pointer, a.Bytes, b.Pointer, b.Bytes))
            throw new ArgumentException($"{nameA} and {nameB} overlap; the operation reads one after it has written the other.", nameB);
    }

    /// <summary>Two views are either the very same (in-place operation) or share no byte.</summary>
    public static void SameOrDisjoint(in DeviceMatrix a, in DeviceMatrix b, [CallerArgumentExpression(nameof(a))] string nameA = "", [CallerArgumentExpression(nameof(b))] string nameB = "")
    {
        var same = a.Pointer == b.Pointer && a.Type == b.Type && (a.Rows <= 1 || a.RowStride == b.RowStride);
        if (!same && Overlaps(a.Pointer, a.Bytes, b.Pointer, b.Bytes))
            throw new ArgumentException($"{nameA} and {nameB} overlap in part; they have to be the same view or apart.", nameB);
    }

    /// <summary>
    /// Two views are either the very same or share no element: rows of one may lie between those of the other, as the halves of
    /// one matrix do.
    /// </summary>
    public static void SameOrDisjointElements(in DeviceMatrix a, in DeviceMatrix b, [CallerArgumentExpression(nameof(a))] string nameA = "", [CallerArgumentExpression(nameof(b))] string nameB = "")
    {
        if (Interleave(a, b)) return;
        SameOrDisjoint(a, b, nameA, nameB);
    }

    private static bool Interleave(in DeviceMatrix a, in DeviceMatrix b)
    {
        if (a.Rows <= 1 || b.Rows <= 1 || a.RowStride * a.Type.Bytes() != b.RowStride * b.Type.Bytes()) return false;
        // within one period of the stride, each occupies one range; they must not meet, around the end of the period either
        long period = a.RowStride * a.Type.Bytes(), lengthA = (long)a.Columns * a.Type.Bytes(), lengthB = (long)b.Columns * b.Type.Bytes();
        var distance = (long)(((Int128)b.Pointer - a.Pointer) % period);
        if (distance < 0) distance += period;
        return distance >= lengthA && distance + lengthB <= period;
    }

    /// <summary>True if two ranges of bytes share one.</summary>
    public static bool Overlaps(nint a, long bytesA, nint b, long bytesB) =>
        bytesA > 0 && bytesB > 0 && (ulong)a < (ulong)b + (ulong)bytesB && (ulong)b < (ulong)a + (ulong)bytesA;

    /// <summary>A non-null address that is a multiple of <paramref name="alignment"/> bytes.</summary>
    public static void Pointer(nint pointer, int alignment, [CallerArgumentExpression(nameof(pointer))] string name = "")
    {
        if (pointer == 0) throw new ArgumentException($"{name} is not empty but its pointer is null.", name);
        if ((ulong)pointer % (uint)alignment != 0)
            throw new ArgumentException($"{name} lies at 0x{pointer:x}, which is not a multiple of {alignment} bytes.", name);
    }

    /// <summary>What keeps a norm from dividing by 0: a finite number that is not negative.</summary>
    public static void Epsilon(float epsilon)
    {
        if (!(epsilon >= 0) || float.IsInfinity(epsilon)) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "ε is a finite number and not negative.");
    }

    /// <summary>A member of the enumeration.</summary>
    public static void Activation(Transformer.ActivationKind activation)
    {
        if (activation is < Transformer.ActivationKind.None or > Transformer.ActivationKind.Silu)
            throw new ArgumentOutOfRangeException(nameof(activation), activation, "There is no such activation.");
    }

    /// <summary>The product of sizes as an int, for grids and counts.</summary>
    public static int Product(int a, int b, string name)
    {
        var product = (long)a * b;
        return product <= int.MaxValue ? (int)product : throw new ArgumentOutOfRangeException(name, $"{name}: {a} × {b} exceeds {int.MaxValue}.");
    }

    private static void Extent(in DeviceMatrix matrix, string name)
    {
        // 128-bit arithmetic: the check itself must not overflow
        var bytes = ((Int128)(matrix.Rows - 1) * matrix.RowStride + matrix.Columns) * matrix.Type.Bytes();
        if (bytes > long.MaxValue || (UInt128)(ulong)matrix.Pointer + (UInt128)bytes > ulong.MaxValue)
            throw new ArgumentException($"{name} would be {bytes} bytes long: {matrix.Rows} rows at a stride of {matrix.RowStride} elements exceed the address space.", name);
    }
}
