namespace FlowCut.Interop;

/// <summary>How a stream is created (<c>CUstream_flags</c>).</summary>
[Flags]
public enum StreamFlags
{
    Default = 0,
    /// <summary>Does not wait for the legacy default stream, nor that one for it.</summary>
    NonBlocking = 1,
}

/// <summary>How an event is created (<c>CUevent_flags</c>).</summary>
[Flags]
public enum EventFlags
{
    Default = 0,
    /// <summary><see cref="DriverApi.EventSynchronize"/> sleeps instead of spinning.</summary>
    BlockingSync = 1,
    /// <summary>Cheaper to record; has no elapsed time.</summary>
    DisableTiming = 2,
    Interprocess = 4,
}

/// <summary>How a stream waits for an event (<c>CUevent_wait_flags</c>).</summary>
[Flags]
public enum EventWaitFlags
{
    Default = 0,
    External = 1,
}

/// <summary>Which calls are refused while a stream is captured (<c>CUstreamCaptureMode</c>).</summary>
public enum StreamCaptureMode
{
    Global = 0,
    ThreadLocal = 1,
    Relaxed = 2,
}

/// <summary>Whether a stream is being captured (<c>CUstreamCaptureStatus</c>).</summary>
public enum StreamCaptureStatus
{
    None = 0,
    Active = 1,
    Invalidated = 2,
}

/// <summary>How a context waits for the device and what it maps (<c>CUctx_flags</c>).</summary>
[Flags]
public enum ContextFlags
{
    SchedAuto = 0,
    SchedSpin = 1,
    SchedYield = 2,
    SchedBlockingSync = 4,
    MapHost = 8,
    LmemResizeToMax = 16,
    CoredumpEnable = 32,
    UserCoredumpEnable = 64,
    SyncMemops = 128,
}
