namespace FlowCut.Interop;

// Streams, events and capture.
public sealed unsafe partial class DriverApi
{
    /// <summary>The legacy default stream of the current context, under an explicit name (<c>CU_STREAM_LEGACY</c>).</summary>
    public const nint LegacyStream = 1;

    /// <summary>The calling thread's default stream (<c>CU_STREAM_PER_THREAD</c>).</summary>
    public const nint PerThreadStream = 2;

    public StreamHandle StreamCreate(ContextHandle context, StreamFlags flags)
    {
        Need(_cuda.cuStreamCreate);
        var owner = new StreamHandle(this);
        Enter(context);
        nint stream = 0;
        var result = _cuda.cuStreamCreate(&stream, (uint)flags);
        return Leave(owner, context, stream, result, nameof(_cuda.cuStreamCreate));
    }

    /// <param name="context">Where the stream lives.</param>
    /// <param name="flags">How it is created.</param>
    /// <param name="priority">Smaller is more urgent, 0 the least; clamped to what the device has.</param>
    public StreamHandle StreamCreateWithPriority(ContextHandle context, StreamFlags flags, int priority)
    {
        Need(_cuda.cuStreamCreateWithPriority);
        var owner = new StreamHandle(this);
        Enter(context);
        nint stream = 0;
        var result = _cuda.cuStreamCreateWithPriority(&stream, (uint)flags, priority);
        return Leave(owner, context, stream, result, nameof(_cuda.cuStreamCreateWithPriority));
    }

    /// <summary>Waits for the stream's work. Errors of that work are reported here.</summary>
    public void StreamSynchronize(nint stream)
    {
        Need(_cuda.cuStreamSynchronize);
        Check(_cuda.cuStreamSynchronize(stream));
    }

    /// <returns>Whether the stream's work is done.</returns>
    public bool StreamQuery(nint stream)
    {
        Need(_cuda.cuStreamQuery);
        var result = _cuda.cuStreamQuery(stream);
        if (result == CudaResult.NotReady) return false;
        Check(result, nameof(_cuda.cuStreamQuery));
        return true;
    }

    /// <summary>Later work of the stream waits for the event's last record; an event that was never recorded delays nothing.</summary>
    public void StreamWaitEvent(nint stream, nint waitedEvent, EventWaitFlags flags = EventWaitFlags.Default)
    {
        Need(_cuda.cuStreamWaitEvent);
        Check(_cuda.cuStreamWaitEvent(stream, waitedEvent, (uint)flags));
    }

    /// <returns>The context that the stream belongs to; for a default stream the current one.</returns>
    public nint StreamGetCtx(nint stream)
    {
        Need(_cuda.cuStreamGetCtx);
        nint context;
        Check(_cuda.cuStreamGetCtx(stream, &context));
        return context;
    }

    /// <summary>From here on, work given to the stream is recorded instead of run.</summary>
    public void StreamBeginCapture(nint stream, StreamCaptureMode mode)
    {
        Need(_cuda.cuStreamBeginCapture_v2);
        Check(_cuda.cuStreamBeginCapture_v2(stream, mode));
    }

    /// <summary>Ends a capture and returns what was recorded. After a failure the stream is not capturing any more.</summary>
    /// <param name="context">The stream's context, kept alive by the graph.</param>
    /// <param name="stream">A stream that is being captured.</param>
    public GraphHandle StreamEndCapture(ContextHandle context, nint stream)
    {
        Need(_cuda.cuStreamEndCapture);
        var owner = new GraphHandle(this);
        Enter(context);
        nint graph = 0;
        var result = _cuda.cuStreamEndCapture(stream, &graph);
        return Leave(owner, context, graph, result, nameof(_cuda.cuStreamEndCapture));
    }

    public StreamCaptureStatus StreamIsCapturing(nint stream)
    {
        Need(_cuda.cuStreamIsCapturing);
        StreamCaptureStatus status;
        Check(_cuda.cuStreamIsCapturing(stream, &status));
        return status;
    }

    /// <summary>Sets which calls this thread may make while some stream is captured.</summary>
    /// <returns>The mode before.</returns>
    public StreamCaptureMode ThreadExchangeStreamCaptureMode(StreamCaptureMode mode)
    {
        Need(_cuda.cuThreadExchangeStreamCaptureMode);
        Check(_cuda.cuThreadExchangeStreamCaptureMode(&mode));
        return mode;
    }

    /// <summary>Runs a host function in stream order, on a thread of the driver. It must not call CUDA.</summary>
    public void LaunchHostFunc(nint stream, delegate* unmanaged<void*, void> function, void* data)
    {
        Need(_cuda.cuLaunchHostFunc);
        Check(_cuda.cuLaunchHostFunc(stream, function, data));
    }

    public EventHandle EventCreate(ContextHandle context, EventFlags flags)
    {
        Need(_cuda.cuEventCreate);
        var owner = new EventHandle(this);
        Enter(context);
        nint created = 0;
        var result = _cuda.cuEventCreate(&created, (uint)flags);
        return Leave(owner, context, created, result, nameof(_cuda.cuEventCreate));
    }

    public void EventRecord(nint recordedEvent, nint stream)
    {
        Need(_cuda.cuEventRecord);
        Check(_cuda.cuEventRecord(recordedEvent, stream));
    }

    /// <returns>Whether the work before the event's last record is done.</returns>
    public bool EventQuery(nint queriedEvent)
    {
        Need(_cuda.cuEventQuery);
        var result = _cuda.cuEventQuery(queriedEvent);
        if (result == CudaResult.NotReady) return false;
        Check(result, nameof(_cuda.cuEventQuery));
        return true;
    }

    public void EventSynchronize(nint awaitedEvent)
    {
        Need(_cuda.cuEventSynchronize);
        Check(_cuda.cuEventSynchronize(awaitedEvent));
    }

    /// <summary>Milliseconds between two recorded events, at a resolution of about 0.5 µs.</summary>
    public float EventElapsedTime(nint start, nint end)
    {
        Need(_cuda.cuEventElapsedTime);
        float milliseconds;
        Check(_cuda.cuEventElapsedTime(&milliseconds, start, end));
        return milliseconds;
    }
}
