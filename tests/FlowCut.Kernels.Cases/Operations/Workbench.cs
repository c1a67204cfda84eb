using System.Runtime.InteropServices;

namespace FlowCut.Kernels.Cases;

/// <summary>
/// Device buffers of one run of one case. Each lies between bands of sentinels, which have to be whole at the end; gaps between
/// strided rows count as bands.
/// </summary>
internal sealed class Workbench(CaseDevice device) : IDisposable
{
    private const int Band = 256;
    private const byte Sentinel = 0xa5;
    private readonly List<(DeviceMemory Memory, byte[] Initial, Func<byte[], IEnumerable<(int Start, int Length)>> Inside)> _buffers = [];

    public CaseDevice Device { get; } = device;

    public CudaStream Stream => Device.Stream;

    public KernelContext Kernels => Device.Kernels;

    /// <summary>A matrix in a type; null values: filled with sentinels.</summary>
    /// <param name="values">Dense, row by row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="type">How it is stored.</param>
    /// <param name="layout">Gaps between rows and the place of the first element, in elements.</param>
    public DeviceMatrix Matrix(float[]? values, int rows, int columns, ElementType type, Layout layout = default)
    {
        int size = type.Bytes(), stride = columns + layout.Gap;
        var bytes = Filled(Math.Max(((long)(rows - 1) * stride + columns + layout.Offset) * size, 0));
        for (var i = 0; values is not null && i < rows * columns; i++)
        {
            var at = Band + (layout.Offset + i / columns * stride + i % columns) * size;
            if (type == ElementType.Float32) BitConverter.TryWriteBytes(bytes.AsSpan(at), values[i]);
            else BitConverter.TryWriteBytes(bytes.AsSpan(at), Numbers.Bits16(values[i], type));
        }

        var pointer = Place(bytes, _ => Enumerable.Range(0, rows).Select(r => (Band + (layout.Offset + r * stride) * size, columns * size)));
        return new DeviceMatrix(pointer + layout.Offset * size, type, rows, columns, stride);
    }

    /// <summary>An array with these values.</summary>
    public DeviceArray<T> Array<T>(params T[] values)
        where T : unmanaged
    {
        var bytes = Filled((long)values.Length * Marshal.SizeOf<T>());
        MemoryMarshal.AsBytes<T>(values).CopyTo(bytes.AsSpan(Band));
        return new DeviceArray<T>(Place(bytes, _ => [(Band, values.Length * Marshal.SizeOf<T>())]), values.Length);
    }

    /// <summary>An array that is written: filled with sentinels.</summary>
    public DeviceArray<T> Output<T>(int length)
        where T : unmanaged => new(Place(Filled((long)length * Marshal.SizeOf<T>()), _ => [(Band, length * Marshal.SizeOf<T>())]), length);

    public float[] Read(DeviceMatrix matrix)
    {
        if (matrix.IsEmpty) return [];
        var bytes = new byte[matrix.Bytes];
        Stream.Download<byte>(matrix.Pointer, bytes);
        var values = new float[matrix.Rows * matrix.Columns];
        for (var i = 0; i < values.Length; i++)
        {
            var at = (int)(i / matrix.Columns * matrix.RowStride + i % matrix.Columns) * matrix.Type.Bytes();
            values[i] = matrix.Type == ElementType.Float32 ? BitConverter.ToSingle(bytes, at) : Numbers.FromBits16(BitConverter.ToUInt16(bytes, at), matrix.Type);
        }

        return values;
    }

    public T[] Read<T>(DeviceArray<T> array)
        where T : unmanaged
    {
        var values = new T[array.Length];
        Stream.Download<T>(array.Pointer, values);
        return values;
    }

    /// <summary>Waits for the work, checks every band, and gives the bytes of all buffers.</summary>
    public byte[][] Finish(string what)
    {
        Stream.Synchronize();
        var results = new List<byte[]>();
        foreach (var (memory, initial, inside) in _buffers)
        {
            var bytes = new byte[initial.Length];
            Stream.Download<byte>(memory.Pointer, bytes);
            var masked = (byte[])bytes.Clone();
            foreach (var (start, length) in inside(bytes)) initial.AsSpan(start, length).CopyTo(masked.AsSpan(start));
            var broken = masked.AsSpan().CommonPrefixLength(initial);
            Verify.True(broken == initial.Length, $"{what}: byte {broken - Band} of buffer {results.Count} was written, it lies outside");
            results.Add(bytes);
        }

        return [.. results];
    }

    public void Dispose()
    {
        foreach (var (memory, _, _) in _buffers) memory.Dispose();
    }

    private static byte[] Filled(long inside)
    {
        var bytes = new byte[inside + 2 * Band];
        bytes.AsSpan().Fill(Sentinel);
        return bytes;
    }

    private nint Place(byte[] bytes, Func<byte[], IEnumerable<(int Start, int Length)>> inside)
    {
        var memory = Device.Pool.Allocate(bytes.Length, Stream);
        Stream.Upload<byte>(bytes, memory.Pointer);
        _buffers.Add((memory, bytes, inside));
        return memory.Pointer + Band;
    }
}

/// <summary>Where a matrix lies: elements between the end of a row and the next, and before the first.</summary>
internal readonly record struct Layout(int Gap, int Offset)
{
    /// <summary>Without gaps; with gaps that keep 16-byte alignment; with gaps and a start that break it.</summary>
    public static readonly Layout Dense = new(0, 0), Strided = new(16, 16), Misaligned = new(3, 1);
}
