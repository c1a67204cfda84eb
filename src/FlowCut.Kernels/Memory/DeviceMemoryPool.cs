using System.Collections.Concurrent;
using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>
/// A stream-ordered memory pool of its own: allocating and freeing are operations in a stream, which the host does not wait
/// for, and freed memory is kept for the next allocation. Counts what is in use. Usable from any thread.
/// </summary>
public sealed class DeviceMemoryPool : IDisposable
{
    private readonly MemoryPoolHandle _pool;
    private readonly ConcurrentQueue<(nint Pointer, long Bytes, CudaStream Stream)> _abandoned = new();
    private long _inUse;
    private long _peak;
    private bool _disposed;

    private DeviceMemoryPool(CudaContext context, MemoryPoolHandle pool) => (Context, _pool) = (context, pool);

    /// <summary>The context whose device the memory is on.</summary>
    public CudaContext Context { get; }

    /// <summary>Bytes that are allocated now.</summary>
    public long BytesInUse => Interlocked.Read(ref _inUse);

    /// <summary>The most bytes that were allocated at one time since the pool was made or <see cref="ResetPeak"/> was called.</summary>
    public long PeakBytes => Interlocked.Read(ref _peak);

    /// <summary>A new pool on the context's device.</summary>
    /// <param name="context">Must outlive the pool.</param>
    /// <param name="keepBytes">As much freed memory as this stays with the pool when streams are synchronised; the default keeps all.</param>
    /// <exception cref="DeviceNotSupportedException">The driver has no memory pools on this device.</exception>
    /// <exception cref="CudaException">The pool cannot be created.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static DeviceMemoryPool Create(CudaContext context, long keepBytes = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        if (!context.Device.Info.SupportsMemoryPools)
            throw new DeviceNotSupportedException($"The driver has no stream-ordered memory pools on {context.Device}; CUDA 11.2 or newer is needed.");
        var pool = context.Run((context.Owner, Properties: MemoryPoolProperties.OfDevice(context.Device.Handle)), static (driver, s) => driver.MemPoolCreate(s.Owner, s.Properties));
        try
        {
            context.Run((Pool: pool.Value, Bytes: (ulong)keepBytes), static (driver, s) => driver.MemPoolSetAttribute(s.Pool, MemoryPoolAttribute.ReleaseThreshold, s.Bytes));
        }
        catch
        {
            pool.Dispose();
            throw;
        }

        return new DeviceMemoryPool(context, pool);
    }

    /// <summary>Bytes that the pool has taken from the device, in use or kept.</summary>
    /// <exception cref="CudaException">The driver refuses to tell.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public long GetReservedBytes() =>
        (long)Live().Run(_pool.Value, static (driver, pool) => driver.MemPoolGetAttribute(pool, MemoryPoolAttribute.ReservedMemCurrent));

    /// <summary>Allocates memory that is there for whatever is enqueued in <paramref name="stream"/> from now on. The contents are undefined.</summary>
    /// <param name="bytes">1 or more; addresses are multiples of 256.</param>
    /// <param name="stream">The stream that uses it first, and in which <see cref="DeviceMemory.Dispose"/> frees it.</param>
    /// <exception cref="ArgumentException">Not a positive size, or a stream of another context.</exception>
    /// <exception cref="DeviceOutOfMemoryException">Not even after waiting for the stream and giving back what the pool kept.</exception>
    /// <exception cref="CudaException">The driver refuses for another reason.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public DeviceMemory Allocate(long bytes, CudaStream stream)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Context.Handle != Context.Handle) throw new ArgumentException("The stream belongs to another context than the pool.", nameof(stream));
        CapturedGraph.RequireNotCapturing(bytes);
        FreeAbandoned();
        nint pointer;
        try
        {
            pointer = TryAllocate(bytes, stream);
        }
        catch (CudaException e) when (e.Result == CudaResult.OutOfMemory)
        {
            pointer = AllocateAfterTrim(bytes, stream);
        }

        Count(bytes);
        return new DeviceMemory(this, pointer, bytes, stream);
    }

    /// <summary>Gives memory back to the device until the pool holds no more than <paramref name="keepBytes"/> beyond what is in use.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Trim(long keepBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        FreeAbandoned();
        Live().Run((Pool: _pool.Value, keepBytes), static (driver, s) => driver.MemPoolTrimTo(s.Pool, (nuint)s.keepBytes));
    }

    /// <summary>The peak starts anew from what is in use now.</summary>
    public void ResetPeak() => Interlocked.Exchange(ref _peak, BytesInUse);

    /// <summary>Destroys the pool. Its memory has to be freed before; what is not goes when the context does.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        FreeAbandoned();
        _disposed = true;
        _pool.Dispose();
    }

    internal void Free(nint pointer, long bytes, CudaStream stream)
    {
        Interlocked.Add(ref _inUse, -bytes);
        if (!Context.TryEnter(out var scope)) return;
        using (scope)
        {
            try
            {
                // a destroyed stream still ends its work, which may use the memory
                if (!stream.IsAlive) Context.Driver.CtxSynchronize();
                Context.Driver.MemFreeAsync(pointer, stream.IsAlive ? stream.Handle : 0);
            }
            catch (CudaException e)
            {
                // freeing never throws; an error of earlier work comes back at the next call that can report it
                Context.Note(e);
            }
        }
    }

    /// <summary>From a finalizer, which must not call the driver: a capture may be under way, or the process may be ending.</summary>
    internal void Abandon(nint pointer, long bytes, CudaStream stream) => _abandoned.Enqueue((pointer, bytes, stream));

    private void FreeAbandoned()
    {
        while (_abandoned.TryDequeue(out var memory)) Free(memory.Pointer, memory.Bytes, memory.Stream);
    }

    private nint TryAllocate(long bytes, CudaStream stream) =>
        Live().Run((bytes, Pool: _pool.Value, stream.Handle), static (driver, s) => driver.MemAllocFromPoolAsync((nuint)s.bytes, s.Pool, s.Handle));

    private nint AllocateAfterTrim(long bytes, CudaStream stream)
    {
        // memory freed in other streams becomes available once the host knows that their work is done
        Context.Synchronize();
        Trim();
        try
        {
            return TryAllocate(bytes, stream);
        }
        catch (CudaException e) when (e.Result == CudaResult.OutOfMemory)
        {
            var (free, total) = Context.GetMemory();
            throw new DeviceOutOfMemoryException(bytes, free, total, BytesInUse, GetReservedBytes(), e);
        }
    }

    private void Count(long bytes)
    {
        var inUse = Interlocked.Add(ref _inUse, bytes);
        var peak = Interlocked.Read(ref _peak);
        while (inUse > peak)
        {
            var seen = Interlocked.CompareExchange(ref _peak, inUse, peak);
            if (seen == peak) return;
            peak = seen;
        }
    }

    private CudaContext Live()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Context;
    }
}
