using FlowCut.Interop;
using FlowCut.Kernels.Matmul;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Devices;

/// <summary>Every entry point that the library uses fails in turn: a typed exception or none, nothing leaked, and the next attempt works.</summary>
[Collection(DeviceCollection.Name)]
public class FailureTests
{
    public static TheoryData<string> EntryPoints =>
    [
        "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDeviceTotalMem_v2", "cuDeviceGetUuid_v2",
        "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxGetCurrent", "cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2", "cuCtxSynchronize",
        "cuMemGetInfo_v2", "cuMemPoolCreate", "cuMemPoolSetAttribute", "cuMemPoolGetAttribute", "cuMemPoolTrimTo", "cuMemPoolDestroy",
        "cuMemAllocFromPoolAsync", "cuMemFreeAsync", "cuMemHostAlloc", "cuMemHostGetDevicePointer_v2", "cuMemFreeHost",
        "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async", "cuPointerGetAttribute",
        "cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize", "cuStreamWaitEvent", "cuStreamBeginCapture_v2", "cuStreamEndCapture",
        "cuEventCreate", "cuEventDestroy_v2", "cuEventRecord", "cuEventSynchronize",
        "cuModuleLoadData", "cuModuleUnload", "cuModuleGetFunction", "cuFuncGetAttribute", "cuLaunchKernel",
        "cuGraphInstantiateWithFlags", "cuGraphLaunch", "cuGraphDestroy", "cuGraphExecDestroy", "cuGraphExecUpdate_v2", "cuGraphGetNodes",
        "nvrtcVersion", "nvrtcGetNumSupportedArchs", "nvrtcGetSupportedArchs", "nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetProgramLogSize",
        "nvrtcGetCUBINSize", "nvrtcGetCUBIN",
        "cublasLtCreate", "cublasLtDestroy", "cublasLtGetVersion", "cublasLtMatmulDescCreate", "cublasLtMatmulDescSetAttribute", "cublasLtMatmulDescDestroy",
        "cublasLtMatrixLayoutCreate", "cublasLtMatrixLayoutDestroy", "cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceSetAttribute",
        "cublasLtMatmulPreferenceDestroy", "cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmul",
    ];

    [Theory]
    [MemberData(nameof(EntryPoints))]
    public void Each_failure_is_a_typed_exception_without_a_leak(string entry) => DeviceSession.OnSimulator((session, simulator) =>
    {
        Scenario(session.Cuda);
        var leaks = simulator.LeakCount();
        // the first call, and a later one, when there is more to undo
        foreach (var nth in new[] { 1, 3 })
        {
            simulator.FailNext(entry, Result(entry), nth);
            var failure = Record.Exception(() => Scenario(session.Cuda));
            simulator.Withdraw(entry);
            Assert.True(failure is null or NativeCudaException or DeviceOutOfMemoryException or ContextLostException or KernelCompilationException, $"{entry}, call {nth}: {failure}");
            Assert.Equal(leaks, simulator.LeakCount());
        }

        Scenario(session.Cuda);
        Assert.Equal(leaks, simulator.LeakCount());
    });

    private static CudaResult Result(string entry) =>
        entry.StartsWith("nvrtc", StringComparison.Ordinal) ? (CudaResult)NvrtcResult.InternalError
        : entry.StartsWith("cublas", StringComparison.Ordinal) ? (CudaResult)CublasStatus.InternalError
        : CudaResult.Unknown;

    /// <summary>A little of everything, each time from the beginning.</summary>
    private static void Scenario(NativeCuda cuda)
    {
        using var context = CudaDevice.Open(cuda).RetainPrimaryContext();
        using var stream = CudaStream.Create(context);
        using var other = CudaStream.Create(context);
        using var pool = DeviceMemoryPool.Create(context);
        using var kernels = new KernelContext(context, new KernelCache(null));
        using var pinned = PinnedMemory.Allocate(context, 64);
        using var memory = pool.Allocate(128, stream);
        using var result = pool.Allocate(64, stream);
        using var ready = CudaEvent.Create(context);
        DevicePointer.Check(context, memory.Pointer, 128);
        pinned.Span<float>().Fill(1);
        stream.EnqueueFill(result.Pointer, 0, 64);
        stream.EnqueueUpload(pinned.HostPointer, memory.Pointer, 64);
        stream.EnqueueCopy(memory.Pointer, memory.Pointer + 64, 64);
        ready.Record(stream);
        other.Wait(ready);
        ready.Synchronize();
        context.GetMemory();
        var (x, y) = (memory.Matrix(ElementType.Float32, 4, 4), result.Matrix(ElementType.Float32, 4, 4));
        var weight = memory.Matrix(ElementType.Float32, 1, 4, 64);
        void Work(CudaStream s)
        {
            RmsNorm.Launch(kernels, x, weight, y, 0, s);
            Linear.Launch(kernels, x, memory.Matrix(ElementType.Float32, 4, 4, 64), null, y, y, s);
        }

        Work(stream);
        using var graph = CapturedGraph.Capture(stream, Work);
        graph.Update(stream, Work);
        graph.Launch(stream);
        var values = new float[16];
        stream.Download<float>(result.Pointer, values);
        Assert.All(values, v => Assert.Equal(5, v, 1e-5));
        context.Synchronize();
        pool.Trim();
        pool.GetReservedBytes();
    }
}
