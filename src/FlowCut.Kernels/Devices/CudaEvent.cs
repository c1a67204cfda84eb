using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>A mark in a stream, for waiting across streams and, where asked for, for measuring device time.</summary>
public sealed class CudaEvent : IDisposable
{
    private readonly CudaContext _context;
    private readonly EventHandle _owned;
    private readonly bool _timing;
    private bool _disposed;

    private CudaEvent(CudaContext context, EventHandle owned, bool timing)
    {
        (_context, _owned, _timing) = (context, owned, timing);
        Handle = owned.Value;
    }

    /// <summary>The driver's CUevent.</summary>
    public nint Handle { get; }

    /// <summary>A new event.</summary>
    /// <param name="context">The context whose streams will record it.</param>
    /// <param name="timing">Whether <see cref="MillisecondsSince"/> will be asked; events without are cheaper.</param>
    /// <exception cref="CudaException">It cannot be created.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static CudaEvent Create(CudaContext context, bool timing = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        var handle = context.Run((context.Owner, Flags: timing ? EventFlags.Default : EventFlags.DisableTiming), static (driver, s) => driver.EventCreate(s.Owner, s.Flags));
        return new CudaEvent(context, handle, timing);
    }

    /// <summary>Marks what is enqueued so far. The last mark counts.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Live().Run((Handle, Stream: stream.Handle), static (driver, s) => driver.EventRecord(s.Handle, s.Stream));
    }

    /// <summary>True if the marked work is done, or nothing was ever marked.</summary>
    /// <exception cref="CudaException">The marked work failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public bool IsReached() =>
        Live().Run(Handle, static (driver, marker) => driver.EventQuery(marker));

    /// <summary>Waits on the host for the marked work.</summary>
    /// <exception cref="CudaException">The marked work failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Synchronize() =>
        Live().Run(Handle, static (driver, marker) => driver.EventSynchronize(marker));

    /// <summary>Device time from one mark to this one. Both have to be reached.</summary>
    /// <exception cref="InvalidOperationException">One of the events was made without timing.</exception>
    /// <exception cref="CudaException">A mark is not reached yet.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public float MillisecondsSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (!_timing || !start._timing) throw new InvalidOperationException("Both events have to be created with timing.");
        return Live().Run((Start: start.Handle, End: Handle), static (driver, s) => driver.EventElapsedTime(s.Start, s.End));
    }

    /// <summary>Destroys the event. Work that waits for it still does.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _owned.Dispose();
    }

    private CudaContext Live()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _context;
    }
}
