using System.Text;

namespace FlowCut.Interop;

// Devices and contexts.
public sealed unsafe partial class DriverApi
{
    /// <summary>Number of devices; 0 where there is none.</summary>
    public int DeviceGetCount()
    {
        Need(_cuda.cuDeviceGetCount);
        int count;
        Check(_cuda.cuDeviceGetCount(&count));
        return count;
    }

    /// <param name="ordinal">0 to <see cref="DeviceGetCount"/> - 1.</param>
    /// <returns>A <c>CUdevice</c>.</returns>
    public int DeviceGet(int ordinal)
    {
        Need(_cuda.cuDeviceGet);
        int device;
        Check(_cuda.cuDeviceGet(&device, ordinal));
        return device;
    }

    public string DeviceGetName(int device)
    {
        Need(_cuda.cuDeviceGetName);
        const int Capacity = 256;
        var name = stackalloc byte[Capacity];
        Check(_cuda.cuDeviceGetName(name, Capacity - 1, device));
        return Encoding.UTF8.GetString(new ReadOnlySpan<byte>(name, new ReadOnlySpan<byte>(name, Capacity).IndexOf((byte)0)));
    }

    public int DeviceGetAttribute(DeviceAttribute attribute, int device)
    {
        Need(_cuda.cuDeviceGetAttribute);
        int value;
        Check(_cuda.cuDeviceGetAttribute(&value, attribute, device));
        return value;
    }

    /// <summary>Memory of the device in bytes.</summary>
    public nuint DeviceTotalMem(int device)
    {
        Need(_cuda.cuDeviceTotalMem_v2);
        nuint bytes;
        Check(_cuda.cuDeviceTotalMem_v2(&bytes, device));
        return bytes;
    }

    /// <summary>The identifier that nvidia-smi prints; that of the instance where the device is partitioned.</summary>
    public Guid DeviceGetUuid(int device)
    {
        Need(_cuda.cuDeviceGetUuid_v2);
        Guid raw;
        Check(_cuda.cuDeviceGetUuid_v2(&raw, device));
        return new Guid(new ReadOnlySpan<byte>(&raw, sizeof(Guid)), bigEndian: true);
    }

    /// <summary>The device's default memory pool, which is not destroyed with the handle.</summary>
    public MemoryPoolHandle DeviceGetDefaultMemPool(int device)
    {
        Need(_cuda.cuDeviceGetDefaultMemPool);
        nint pool;
        Check(_cuda.cuDeviceGetDefaultMemPool(&pool, device));
        return new MemoryPoolHandle(this, pool);
    }

    /// <summary>The context that the CUDA runtime, cuBLAS, PyTorch and ONNX Runtime use too; released with the handle.</summary>
    public ContextHandle DevicePrimaryCtxRetain(int device)
    {
        Need(_cuda.cuDevicePrimaryCtxRetain);
        var owner = new ContextHandle(this, device);
        nint context;
        Check(_cuda.cuDevicePrimaryCtxRetain(&context, device));
        owner.Own(context, null);
        return owner;
    }

    /// <summary>Whether somebody has retained the device's primary context, and its flags.</summary>
    public (ContextFlags Flags, bool IsActive) DevicePrimaryCtxGetState(int device)
    {
        Need(_cuda.cuDevicePrimaryCtxGetState);
        uint flags;
        int active;
        Check(_cuda.cuDevicePrimaryCtxGetState(device, &flags, &active));
        return ((ContextFlags)flags, active != 0);
    }

    /// <returns>The thread's context; 0: none.</returns>
    public nint CtxGetCurrent()
    {
        Need(_cuda.cuCtxGetCurrent);
        nint context;
        Check(_cuda.cuCtxGetCurrent(&context));
        return context;
    }

    /// <summary>Replaces the context on top of the thread's stack.</summary>
    public void CtxSetCurrent(nint context)
    {
        Need(_cuda.cuCtxSetCurrent);
        Check(_cuda.cuCtxSetCurrent(context));
    }

    public void CtxPushCurrent(nint context)
    {
        Need(_cuda.cuCtxPushCurrent_v2);
        Check(_cuda.cuCtxPushCurrent_v2(context));
    }

    /// <returns>The context that was on top of the thread's stack.</returns>
    public nint CtxPopCurrent()
    {
        Need(_cuda.cuCtxPopCurrent_v2);
        nint context;
        Check(_cuda.cuCtxPopCurrent_v2(&context));
        return context;
    }

    /// <summary>The device of the current context.</summary>
    public int CtxGetDevice()
    {
        Need(_cuda.cuCtxGetDevice);
        int device;
        Check(_cuda.cuCtxGetDevice(&device));
        return device;
    }

    /// <summary>Waits for all work of the current context. Errors of that work are reported here.</summary>
    public void CtxSynchronize()
    {
        Need(_cuda.cuCtxSynchronize);
        Check(_cuda.cuCtxSynchronize());
    }

    /// <summary>Fails where <paramref name="context"/> is not a live context; the version itself says little.</summary>
    public uint CtxGetApiVersion(nint context)
    {
        Need(_cuda.cuCtxGetApiVersion);
        uint version;
        Check(_cuda.cuCtxGetApiVersion(context, &version));
        return version;
    }

    internal bool ReleasePrimary(int device) => _cuda.cuDevicePrimaryCtxRelease_v2 is not null && _cuda.cuDevicePrimaryCtxRelease_v2(device) == CudaResult.Success;

    /// <summary>Destroys an object with its context current, on any thread, without throwing.</summary>
    internal bool Destroy(CudaHandle? context, nint value, NativeObject kind)
    {
        var destroy = Destroyer(kind);
        if (destroy is null) return false;
        if (context is null || IsCurrent(context)) return destroy(value) == CudaResult.Success;
        if (!TryPush(context)) return false;
        var result = destroy(value);
        return TryPop() && result == CudaResult.Success;
    }

    /// <summary>For releases, which must not throw. The context is kept alive by the reference of what is released. False: the context is lost, and with it what was in it.</summary>
    internal bool TryPush(CudaHandle context) =>
        _cuda.cuCtxPushCurrent_v2 is not null && _cuda.cuCtxPushCurrent_v2(context.DangerousGetHandle()) == CudaResult.Success;

    internal bool TryPop()
    {
        nint popped;
        return _cuda.cuCtxPopCurrent_v2 is not null && _cuda.cuCtxPopCurrent_v2(&popped) == CudaResult.Success;
    }

    private bool IsCurrent(CudaHandle context)
    {
        nint current;
        return _cuda.cuCtxGetCurrent is not null && _cuda.cuCtxGetCurrent(&current) == CudaResult.Success && current == context.DangerousGetHandle();
    }

    private delegate* unmanaged<nint, CudaResult> Destroyer(NativeObject kind) => kind switch
    {
        NativeObject.Stream => _cuda.cuStreamDestroy_v2,
        NativeObject.Event => _cuda.cuEventDestroy_v2,
        NativeObject.Module => _cuda.cuModuleUnload,
        NativeObject.Graph => _cuda.cuGraphDestroy,
        NativeObject.GraphExec => _cuda.cuGraphExecDestroy,
        NativeObject.MemoryPool => _cuda.cuMemPoolDestroy,
        NativeObject.DeviceMemory => _cuda.cuMemFree_v2,
        NativeObject.HostMemory => (delegate* unmanaged<nint, CudaResult>)_cuda.cuMemFreeHost,
        _ => (delegate* unmanaged<nint, CudaResult>)_cuda.cuMemHostUnregister,
    };
}
