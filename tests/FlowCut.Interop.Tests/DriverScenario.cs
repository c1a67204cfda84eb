using System.Runtime.InteropServices;

namespace FlowCut.Interop.Tests;

/// <summary>One use of almost every entry point of the driver: compile, load, allocate in every way, copy, launch, time, capture, replay.</summary>
internal static unsafe class DriverScenario
{
    private const int Count = 300;

    private const string Source = """
        struct ScaleArgs { float* y; int count; float factor; };
        extern "C" __global__ void __launch_bounds__(128) fc_scale(const __grid_constant__ ScaleArgs args) {
          const int i = blockIdx.x * 128 + threadIdx.x;
          if (i < args.count) args.y[i] *= args.factor;
        }
        """;

    /// <summary>Each value is scaled by 2 once at once and three times by a graph.</summary>
    public static float[] Expected { get; } = [.. Enumerable.Range(0, Count).Select(i => i * 16f)];

    public static float[] Run(NativeCuda cuda)
    {
        var driver = cuda.Driver;
        var device = driver.DeviceGet(0);
        using var context = driver.DevicePrimaryCtxRetain(device);
        driver.CtxPushCurrent(context.Value);
        try
        {
            return InContext(cuda, driver, device, context);
        }
        finally
        {
            driver.CtxPopCurrent();
        }
    }

    private static float[] InContext(NativeCuda cuda, DriverApi driver, int device, ContextHandle context)
    {
        Assert.Equal(context.Value, driver.CtxGetCurrent());
        Assert.Equal(device, driver.CtxGetDevice());
        Assert.True(driver.DevicePrimaryCtxGetState(device).IsActive);
        Assert.Equal(32, driver.DeviceGetAttribute(DeviceAttribute.WarpSize, device));
        Assert.True(driver.MemGetInfo().Free <= driver.DeviceTotalMem(device));
        using var module = driver.ModuleLoadData(context, Compile(cuda.Nvrtc, ArchitectureOf(driver, device)));
        var function = driver.ModuleGetFunction(module.Value, "fc_scale");
        Assert.True(driver.FuncGetAttribute(FunctionAttribute.MaxThreadsPerBlock, function) >= 128);
        driver.FuncSetAttribute(function, FunctionAttribute.MaxDynamicSharedSizeBytes, 64 * 1024);
        Assert.True(driver.OccupancyMaxActiveBlocksPerMultiprocessor(function, 128, 0) > 0);
        using var stream = driver.StreamCreate(context, StreamFlags.NonBlocking);
        using var urgent = driver.StreamCreateWithPriority(context, StreamFlags.NonBlocking, -1);
        Assert.Equal(context.Value, driver.StreamGetCtx(stream.Value));
        using var pool = driver.MemPoolCreate(context, MemoryPoolProperties.OfDevice(device));
        driver.MemPoolSetAttribute(pool.Value, MemoryPoolAttribute.ReleaseThreshold, ulong.MaxValue);
        var memory = driver.MemAllocFromPoolAsync(Count * sizeof(float), pool.Value, stream.Value);
        try
        {
            return WithMemory(driver, context, function, memory, stream.Value, urgent.Value);
        }
        finally
        {
            driver.MemFreeAsync(memory, stream.Value);
            driver.StreamSynchronize(stream.Value);
            driver.MemPoolTrimTo(pool.Value, 0);
        }
    }

    private static float[] WithMemory(DriverApi driver, ContextHandle context, nint function, nint memory, nint stream, nint urgent)
    {
        const nuint Bytes = Count * sizeof(float);
        using var pinned = driver.MemHostAlloc(context, Bytes, HostAllocationFlags.DeviceMap);
        using var plain = driver.MemAlloc(context, Bytes);
        using var start = driver.EventCreate(context, EventFlags.Default);
        using var end = driver.EventCreate(context, EventFlags.Default);
        Assert.NotEqual(0, driver.MemHostGetDevicePointer(pinned.Value));
        Assert.Equal(MemoryType.Device, (MemoryType)driver.PointerGetAttribute<uint>(PointerAttribute.MemoryType, plain.Value));
        var known = new ulong[2];
        driver.PointerGetAttributes([PointerAttribute.MemoryType, PointerAttribute.DeviceOrdinal], known, plain.Value);
        Assert.Equal([(ulong)MemoryType.Device, 0], known);
        var values = new Span<float>((void*)pinned.Value, Count);
        for (var i = 0; i < Count; i++) values[i] = i;

        driver.MemsetD8Async(plain.Value, 0xFF, Bytes, stream);
        driver.MemsetD32Async(plain.Value, 0, Count, stream);
        driver.MemcpyHtoDAsync(memory, pinned.Value, Bytes, stream);
        driver.EventRecord(start.Value, stream);
        Launch(driver, function, memory, stream);
        driver.EventRecord(end.Value, stream);
        driver.EventSynchronize(end.Value);
        Assert.True(driver.EventQuery(end.Value));
        Assert.True(driver.EventElapsedTime(start.Value, end.Value) >= 0);
        Replay(driver, context, function, memory, stream, times: 3);

        driver.EventRecord(end.Value, stream);
        driver.StreamWaitEvent(urgent, end.Value);
        driver.MemcpyDtoDAsync(plain.Value, memory, Bytes, urgent);
        var copy = new Memcpy2D
        {
            SourceType = MemoryType.Device,
            SourceDevice = plain.Value,
            SourcePitch = Bytes / 3,
            DestinationType = MemoryType.Device,
            DestinationDevice = memory,
            DestinationPitch = Bytes / 3,
            Width = Bytes / 3,
            Height = 3,
        };
        driver.Memcpy2DAsync(copy, urgent);
        driver.MemcpyDtoHAsync(pinned.Value, memory, Bytes, urgent);
        driver.StreamSynchronize(urgent);
        Assert.True(driver.StreamQuery(urgent));
        driver.CtxSynchronize();
        return values.ToArray();
    }

    private static void Replay(DriverApi driver, ContextHandle context, nint function, nint memory, nint stream, int times)
    {
        using var graph = Capture(driver, context, function, memory, stream);
        Assert.Equal(1, driver.GraphGetNodeCount(graph));
        using var exec = driver.GraphInstantiateWithFlags(context, graph);
        Assert.Equal(GraphExecUpdateResult.Success, driver.GraphExecUpdate(exec.Value, graph).Result);
        driver.GraphUpload(exec.Value, stream);
        for (var i = 0; i < times; i++) driver.GraphLaunch(exec.Value, stream);
        driver.StreamSynchronize(stream);
    }

    private static GraphHandle Capture(DriverApi driver, ContextHandle context, nint function, nint memory, nint stream)
    {
        driver.StreamBeginCapture(stream, StreamCaptureMode.ThreadLocal);
        try
        {
            Launch(driver, function, memory, stream);
            Assert.Equal(StreamCaptureStatus.Active, driver.StreamIsCapturing(stream));
            return driver.StreamEndCapture(context, stream);
        }
        catch
        {
            // a stream that is left capturing takes no other work
            if (driver.StreamIsCapturing(stream) != StreamCaptureStatus.None) driver.StreamEndCapture(context, stream).Dispose();
            throw;
        }
    }

    private static void Launch(DriverApi driver, nint function, nint memory, nint stream)
    {
        var args = new ScaleArgs { Y = memory, Count = Count, Factor = 2 };
        void* parameter = &args;
        driver.LaunchKernel(function, new Dim3((Count + 127) / 128), new Dim3(128), 0, stream, &parameter);
    }

    private static string ArchitectureOf(DriverApi driver, int device) =>
        $"sm_{driver.DeviceGetAttribute(DeviceAttribute.ComputeCapabilityMajor, device)}{driver.DeviceGetAttribute(DeviceAttribute.ComputeCapabilityMinor, device)}";

    private static byte[] Compile(NvrtcApi nvrtc, string architecture)
    {
        using var program = nvrtc.CreateProgram(Source, "scale.cu", []);
        nvrtc.CompileProgram(program, [$"--gpu-architecture={architecture}", "--std=c++17"]);
        return nvrtc.GetCubin(program);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ScaleArgs
    {
        public nint Y;
        public int Count;
        public float Factor;
    }
}
