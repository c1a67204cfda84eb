using System.Runtime.CompilerServices;
using FlowCut.Interop;

namespace EmbeddedKernels;

/// <summary>Stands for whatever already owns the device in a program: it has a context, a stream and memory, and gives them away as nint.</summary>
public sealed unsafe class OtherLibrary : IDisposable
{
    private readonly DriverApi _driver;
    private readonly ContextHandle _context;
    private readonly StreamHandle _stream;
    private readonly List<DeviceMemoryHandle> _memory = [];

    public OtherLibrary(NativeCuda cuda)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        _driver = cuda.Driver;
        _context = _driver.DevicePrimaryCtxRetain(_driver.DeviceGet(0));
        _stream = _driver.StreamCreate(_context, StreamFlags.NonBlocking);
    }

    public nint Context => _context.Value;

    public nint Stream => _stream.Value;

    public nint Allocate<T>(T[] values)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        var bytes = (nuint)(values.Length * Unsafe.SizeOf<T>());
        var memory = _driver.MemAlloc(_context, bytes);
        _memory.Add(memory);
        _driver.CtxPushCurrent(Context);
        fixed (T* source = values) _driver.MemcpyHtoDAsync(memory.Value, (nint)source, bytes, Stream);
        _driver.StreamSynchronize(Stream);
        _driver.CtxPopCurrent();
        return memory.Value;
    }

    public T[] Read<T>(nint pointer, int count)
        where T : unmanaged
    {
        var values = new T[count];
        _driver.CtxPushCurrent(Context);
        fixed (T* destination = values)
        {
            _driver.MemcpyDtoHAsync((nint)destination, pointer, (nuint)(count * Unsafe.SizeOf<T>()), Stream);
            _driver.StreamSynchronize(Stream);
        }

        _driver.CtxPopCurrent();
        return values;
    }

    public void Dispose()
    {
        foreach (var memory in _memory) memory.Dispose();
        _stream.Dispose();
        _context.Dispose();
    }
}
