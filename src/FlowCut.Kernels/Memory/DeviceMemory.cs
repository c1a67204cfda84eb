using System.Runtime.CompilerServices;

namespace FlowCut.Kernels;

/// <summary>A block of device memory from a pool. Freed in the order of a stream; if it is forgotten, the pool frees it later.</summary>
public sealed class DeviceMemory : IDisposable
{
    private readonly DeviceMemoryPool _pool;
    private readonly CudaStream _stream;
    private int _freed;

    internal DeviceMemory(DeviceMemoryPool pool, nint pointer, long bytes, CudaStream stream) => (_pool, Pointer, Bytes, _stream) = (pool, pointer, bytes, stream);

    ~DeviceMemory()
    {
        if (Interlocked.Exchange(ref _freed, 1) == 0) _pool.Abandon(Pointer, Bytes, _stream);
    }

    /// <summary>The device address, a multiple of 256.</summary>
    public nint Pointer { get; }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>A matrix without gaps in this memory. It does not keep the memory alive.</summary>
    /// <param name="type">How an element is stored.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="byteOffset">Where it begins; a multiple of the element's size.</param>
    /// <exception cref="ArgumentException">It does not fit, or the offset is not a multiple of the element's size.</exception>
    public DeviceMatrix Matrix(ElementType type, int rows, int columns, long byteOffset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        return new DeviceMatrix(Place(byteOffset, (Int128)rows * columns * type.Bytes(), type.Bytes()), type, rows, columns);
    }

    /// <summary>An array in this memory. It does not keep the memory alive.</summary>
    /// <param name="length">Number of values.</param>
    /// <param name="byteOffset">Where it begins; a multiple of the value's size.</param>
    /// <exception cref="ArgumentException">It does not fit, or the offset is not a multiple of the value's size.</exception>
    public DeviceArray<T> Array<T>(int length, long byteOffset = 0)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new DeviceArray<T>(Place(byteOffset, (Int128)length * Unsafe.SizeOf<T>(), Unsafe.SizeOf<T>()), length);
    }

    /// <summary>Frees it once the stream in which it was allocated comes to this point.</summary>
    public void Dispose()
    {
        Free(_stream);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees it once <paramref name="stream"/> comes to this point, which has to be behind every use in other streams.</summary>
    /// <exception cref="ArgumentException">The stream belongs to another context.</exception>
    public void Free(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Context.Handle != _pool.Context.Handle) throw new ArgumentException("The stream belongs to another context than the memory.", nameof(stream));
        if (Interlocked.Exchange(ref _freed, 1) != 0) return;
        _pool.Free(Pointer, Bytes, stream);
    }

    private nint Place(long byteOffset, Int128 bytes, int alignment)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _freed) != 0, this);
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        if (byteOffset % alignment != 0) throw new ArgumentException($"Offset {byteOffset} is not a multiple of {alignment} bytes.", nameof(byteOffset));
        if (byteOffset + bytes > Bytes) throw new ArgumentException($"{bytes} bytes at offset {byteOffset} exceed the {Bytes} bytes of this memory.", nameof(byteOffset));
        return Pointer + (nint)byteOffset;
    }
}
