using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>
/// A queue of device work: one of its own, which does not wait for the legacy default stream, or one that somebody else owns.
/// Nothing here waits unless its summary says so.
/// </summary>
public sealed unsafe class CudaStream : IDisposable
{
    private readonly StreamHandle? _owned;
    private bool _disposed;

    private CudaStream(CudaContext context, nint handle, StreamHandle? owned) => (Context, Handle, _owned) = (context, handle, owned);

    /// <summary>The context it belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's CUstream; 0 is the legacy default stream.</summary>
    public nint Handle { get; }

    internal bool IsAlive => !_disposed;

    /// <summary>A new stream.</summary>
    /// <exception cref="CudaException">It cannot be created.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static CudaStream Create(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var handle = context.Run(context.Owner, static (driver, owner) => driver.StreamCreate(owner, StreamFlags.NonBlocking));
        return new CudaStream(context, handle.Value, handle);
    }

    /// <summary>A stream that somebody else owns and keeps alive; 0 is the legacy default stream, 1 and 2 are the driver's names for it and for the per-thread one.</summary>
    /// <exception cref="ArgumentException">The stream belongs to another context.</exception>
    /// <exception cref="CudaException">It is no live stream.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static CudaStream Borrow(CudaContext context, nint stream)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (stream is >= 0 and <= 2) return new CudaStream(context, stream, null);
        var owner = context.Run(stream, static (driver, stream) => driver.StreamGetCtx(stream));
        if (owner != context.Handle)
            throw new ArgumentException($"Stream 0x{stream:x} belongs to context 0x{owner:x}, not to 0x{context.Handle:x}, in which it was to be used.", nameof(stream));
        return new CudaStream(context, stream, null);
    }

    /// <summary>Waits on the host for everything enqueued so far.</summary>
    /// <exception cref="CudaException">An operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Synchronize() =>
        Live().Run(Handle, static (driver, stream) => driver.StreamSynchronize(stream));

    /// <summary>True if everything enqueued so far is done.</summary>
    /// <exception cref="CudaException">An operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public bool IsIdle() =>
        Live().Run(Handle, static (driver, stream) => driver.StreamQuery(stream));

    /// <summary>Later work of this stream waits for the event on the device.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Wait(CudaEvent marker)
    {
        ArgumentNullException.ThrowIfNull(marker);
        Live().Run((Handle, Marker: marker.Handle), static (driver, s) => driver.StreamWaitEvent(s.Handle, s.Marker));
    }

    /// <summary>Enqueues a copy from device to device. The ranges may not overlap.</summary>
    /// <exception cref="ArgumentException">A pointer is null or the ranges overlap.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void EnqueueCopy(nint source, nint destination, long bytes)
    {
        if (!RequireRange(source, destination, bytes)) return;
        if (Require.Overlaps(source, bytes, destination, bytes)) throw new ArgumentException("Source and destination overlap.", nameof(destination));
        Live().Run((source, destination, bytes, Handle), static (driver, s) => driver.MemcpyDtoDAsync(s.destination, s.source, (nuint)s.bytes, s.Handle));
    }

    /// <summary>Enqueues a copy from page-locked host memory, which must stay unchanged until the copy is done.</summary>
    /// <exception cref="ArgumentException">A pointer is null.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void EnqueueUpload(nint hostSource, nint destination, long bytes)
    {
        if (!RequireRange(hostSource, destination, bytes)) return;
        Live().Run((hostSource, destination, bytes, Handle), static (driver, s) => driver.MemcpyHtoDAsync(s.destination, s.hostSource, (nuint)s.bytes, s.Handle));
    }

    /// <summary>Enqueues a copy to page-locked host memory, which must not be read until the copy is done.</summary>
    /// <exception cref="ArgumentException">A pointer is null.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void EnqueueDownload(nint source, nint hostDestination, long bytes)
    {
        if (!RequireRange(source, hostDestination, bytes)) return;
        Live().Run((source, hostDestination, bytes, Handle), static (driver, s) => driver.MemcpyDtoHAsync(s.hostDestination, s.source, (nuint)s.bytes, s.Handle));
    }

    /// <summary>Enqueues setting every byte of a range to a value.</summary>
    /// <exception cref="ArgumentException">The pointer is null.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void EnqueueFill(nint destination, byte value, long bytes)
    {
        if (!RequireRange(destination, destination, bytes)) return;
        Live().Run((destination, value, bytes, Handle), static (driver, s) => driver.MemsetD8Async(s.destination, s.value, (nuint)s.bytes, s.Handle));
    }

    /// <summary>Copies host values to the device and waits for it.</summary>
    /// <exception cref="ArgumentException">The pointer is null.</exception>
    /// <exception cref="CudaException">An operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Upload<T>(ReadOnlySpan<T> source, nint destination)
        where T : unmanaged
    {
        if (source.IsEmpty) return;
        fixed (T* values = source) EnqueueUpload((nint)values, destination, checked((long)source.Length * sizeof(T)));
        Synchronize();
    }

    /// <summary>Copies device values to the host and waits for it.</summary>
    /// <exception cref="ArgumentException">The pointer is null.</exception>
    /// <exception cref="CudaException">An operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Download<T>(nint source, Span<T> destination)
        where T : unmanaged
    {
        if (destination.IsEmpty) return;
        fixed (T* values = destination)
        {
            EnqueueDownload(source, (nint)values, checked((long)destination.Length * sizeof(T)));
            // inside the fixed block: the copy may not have begun
            Synchronize();
        }
    }

    /// <summary>Destroys a stream of its own; its enqueued work is still done. A borrowed one is left alone.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _owned?.Dispose();
    }

    private CudaContext Live()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Context;
    }

    private static bool RequireRange(nint source, nint destination, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes == 0) return false;
        if (source == 0) throw new ArgumentException("The source of a copy is a null pointer.", nameof(source));
        if (destination == 0) throw new ArgumentException("The destination of a copy or fill is a null pointer.", nameof(destination));
        return true;
    }
}
