namespace FlowCut.Interop;

/// <summary>A context: a reference to a device's primary one, released with the handle, or one that somebody else owns.</summary>
public sealed class ContextHandle : CudaHandle
{
    private readonly int _device;

    internal ContextHandle(DriverApi driver, int device)
    {
        Driver = driver;
        _device = device;
    }

    private ContextHandle(DriverApi driver, nint context)
        : base(ownsHandle: false)
    {
        Driver = driver;
        _device = -1;
        Borrow(context);
    }

    internal DriverApi Driver { get; }

    /// <summary>A context made by somebody else, who must keep it alive longer than everything that is created in it here.</summary>
    /// <param name="driver">The driver that the context belongs to.</param>
    /// <param name="context">A <c>CUcontext</c>.</param>
    public static ContextHandle Borrowed(DriverApi driver, nint context)
    {
        ArgumentNullException.ThrowIfNull(driver);
        ArgumentOutOfRangeException.ThrowIfZero(context);
        return new ContextHandle(driver, context);
    }

    private protected override bool Destroy(nint value) => Driver.ReleasePrimary(_device);
}

/// <summary>A stream (<c>CUstream</c>), made by <see cref="DriverApi.StreamCreate"/>.</summary>
public sealed class StreamHandle : DriverHandle
{
    internal StreamHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.Stream);
}

/// <summary>An event (<c>CUevent</c>), made by <see cref="DriverApi.EventCreate"/>.</summary>
public sealed class EventHandle : DriverHandle
{
    internal EventHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.Event);
}

/// <summary>Loaded device code (<c>CUmodule</c>), made by <see cref="DriverApi.ModuleLoadData"/>. Its functions live as long as it does.</summary>
public sealed class ModuleHandle : DriverHandle
{
    internal ModuleHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.Module);
}

/// <summary>A graph (<c>CUgraph</c>), made by <see cref="DriverApi.StreamEndCapture"/>.</summary>
public sealed class GraphHandle : DriverHandle
{
    internal GraphHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.Graph);
}

/// <summary>An executable graph (<c>CUgraphExec</c>), made by <see cref="DriverApi.GraphInstantiateWithFlags"/>. It does not need the graph any more.</summary>
public sealed class GraphExecHandle : DriverHandle
{
    internal GraphExecHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.GraphExec);
}

/// <summary>A memory pool (<c>CUmemoryPool</c>), made by <see cref="DriverApi.MemPoolCreate"/>, or a device's default one, which nobody destroys.</summary>
public sealed class MemoryPoolHandle : DriverHandle
{
    internal MemoryPoolHandle(DriverApi driver) : base(driver) { }

    internal MemoryPoolHandle(DriverApi driver, nint borrowed) : base(driver, ownsHandle: false) => Borrow(borrowed);

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.MemoryPool);
}

/// <summary>Device memory outside any pool, made by <see cref="DriverApi.MemAlloc"/>; freeing it waits for the device.</summary>
public sealed class DeviceMemoryHandle : DriverHandle
{
    internal DeviceMemoryHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.DeviceMemory);
}

/// <summary>Page-locked host memory, made by <see cref="DriverApi.MemHostAlloc"/>.</summary>
public sealed class HostMemoryHandle : DriverHandle
{
    internal HostMemoryHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.HostMemory);
}

/// <summary>The page lock of somebody else's host memory, made by <see cref="DriverApi.MemHostRegister"/>; releasing it unlocks the pages and frees nothing.</summary>
public sealed class HostRegistrationHandle : DriverHandle
{
    internal HostRegistrationHandle(DriverApi driver) : base(driver) { }

    private protected override bool Destroy(nint value) => Driver.Destroy(Parent, value, NativeObject.HostRegistration);
}

/// <summary>A native object of the driver.</summary>
public abstract class DriverHandle : CudaHandle
{
    private protected DriverHandle(DriverApi driver, bool ownsHandle = true)
        : base(ownsHandle) => Driver = driver;

    private protected DriverApi Driver { get; }
}

/// <summary>Which entry point destroys an object.</summary>
internal enum NativeObject
{
    Stream,
    Event,
    Module,
    Graph,
    GraphExec,
    MemoryPool,
    DeviceMemory,
    HostMemory,
    HostRegistration,
}
