namespace FlowCut.Interop;

// The loader writes these fields through a pointer, which the compiler does not see.
#pragma warning disable CS0649

/// <summary>
/// The CUDA driver: one function pointer per used entry point, each named as the symbol that the library exports.
/// The names are valid for CUDA 12 and 13. Zero: the library that was loaded does not have it.
/// </summary>
internal unsafe struct DriverFunctions : INativeFunctions
{
    public delegate* unmanaged<uint, CudaResult> cuInit;
    public delegate* unmanaged<int*, CudaResult> cuDriverGetVersion;
    public delegate* unmanaged<int*, CudaResult> cuDeviceGetCount;
    public delegate* unmanaged<int*, int, CudaResult> cuDeviceGet;
    public delegate* unmanaged<byte*, int, int, CudaResult> cuDeviceGetName;
    public delegate* unmanaged<int*, DeviceAttribute, int, CudaResult> cuDeviceGetAttribute;
    public delegate* unmanaged<nuint*, int, CudaResult> cuDeviceTotalMem_v2;
    public delegate* unmanaged<Guid*, int, CudaResult> cuDeviceGetUuid_v2;
    public delegate* unmanaged<nint*, int, CudaResult> cuDevicePrimaryCtxRetain;
    public delegate* unmanaged<int, CudaResult> cuDevicePrimaryCtxRelease_v2;
    public delegate* unmanaged<int, uint*, int*, CudaResult> cuDevicePrimaryCtxGetState;
    public delegate* unmanaged<nint*, CudaResult> cuCtxGetCurrent;
    public delegate* unmanaged<nint, CudaResult> cuCtxSetCurrent;
    public delegate* unmanaged<nint, CudaResult> cuCtxPushCurrent_v2;
    public delegate* unmanaged<nint*, CudaResult> cuCtxPopCurrent_v2;
    public delegate* unmanaged<int*, CudaResult> cuCtxGetDevice;
    public delegate* unmanaged<CudaResult> cuCtxSynchronize;
    public delegate* unmanaged<nint, uint*, CudaResult> cuCtxGetApiVersion;
    public delegate* unmanaged<nuint*, nuint*, CudaResult> cuMemGetInfo_v2;
    public delegate* unmanaged<nint*, nuint, CudaResult> cuMemAlloc_v2;
    public delegate* unmanaged<nint, CudaResult> cuMemFree_v2;
    public delegate* unmanaged<nint*, nuint, nint, CudaResult> cuMemAllocAsync;
    public delegate* unmanaged<nint, nint, CudaResult> cuMemFreeAsync;
    public delegate* unmanaged<nint*, nuint, nint, nint, CudaResult> cuMemAllocFromPoolAsync;
    public delegate* unmanaged<nint*, MemoryPoolProperties*, CudaResult> cuMemPoolCreate;
    public delegate* unmanaged<nint, CudaResult> cuMemPoolDestroy;
    public delegate* unmanaged<nint, MemoryPoolAttribute, void*, CudaResult> cuMemPoolSetAttribute;
    public delegate* unmanaged<nint, MemoryPoolAttribute, void*, CudaResult> cuMemPoolGetAttribute;
    public delegate* unmanaged<nint, nuint, CudaResult> cuMemPoolTrimTo;
    public delegate* unmanaged<nint*, int, CudaResult> cuDeviceGetDefaultMemPool;
    public delegate* unmanaged<void**, nuint, uint, CudaResult> cuMemHostAlloc;
    public delegate* unmanaged<void*, CudaResult> cuMemFreeHost;
    public delegate* unmanaged<nint*, void*, uint, CudaResult> cuMemHostGetDevicePointer_v2;
    public delegate* unmanaged<void*, nuint, uint, CudaResult> cuMemHostRegister_v2;
    public delegate* unmanaged<void*, CudaResult> cuMemHostUnregister;
    public delegate* unmanaged<nint, void*, nuint, nint, CudaResult> cuMemcpyHtoDAsync_v2;
    public delegate* unmanaged<void*, nint, nuint, nint, CudaResult> cuMemcpyDtoHAsync_v2;
    public delegate* unmanaged<nint, nint, nuint, nint, CudaResult> cuMemcpyDtoDAsync_v2;
    public delegate* unmanaged<Memcpy2D*, nint, CudaResult> cuMemcpy2DAsync_v2;
    public delegate* unmanaged<nint, byte, nuint, nint, CudaResult> cuMemsetD8Async;
    public delegate* unmanaged<nint, uint, nuint, nint, CudaResult> cuMemsetD32Async;
    public delegate* unmanaged<void*, PointerAttribute, nint, CudaResult> cuPointerGetAttribute;
    public delegate* unmanaged<uint, PointerAttribute*, void**, nint, CudaResult> cuPointerGetAttributes;
    public delegate* unmanaged<nint*, uint, CudaResult> cuStreamCreate;
    public delegate* unmanaged<nint*, uint, int, CudaResult> cuStreamCreateWithPriority;
    public delegate* unmanaged<nint, CudaResult> cuStreamDestroy_v2;
    public delegate* unmanaged<nint, CudaResult> cuStreamSynchronize;
    public delegate* unmanaged<nint, CudaResult> cuStreamQuery;
    public delegate* unmanaged<nint, nint, uint, CudaResult> cuStreamWaitEvent;
    public delegate* unmanaged<nint, nint*, CudaResult> cuStreamGetCtx;
    public delegate* unmanaged<nint, StreamCaptureMode, CudaResult> cuStreamBeginCapture_v2;
    public delegate* unmanaged<nint, nint*, CudaResult> cuStreamEndCapture;
    public delegate* unmanaged<nint, StreamCaptureStatus*, CudaResult> cuStreamIsCapturing;
    public delegate* unmanaged<StreamCaptureMode*, CudaResult> cuThreadExchangeStreamCaptureMode;
    public delegate* unmanaged<nint, delegate* unmanaged<void*, void>, void*, CudaResult> cuLaunchHostFunc;
    public delegate* unmanaged<nint*, uint, CudaResult> cuEventCreate;
    public delegate* unmanaged<nint, CudaResult> cuEventDestroy_v2;
    public delegate* unmanaged<nint, nint, CudaResult> cuEventRecord;
    public delegate* unmanaged<nint, CudaResult> cuEventQuery;
    public delegate* unmanaged<nint, CudaResult> cuEventSynchronize;
    public delegate* unmanaged<float*, nint, nint, CudaResult> cuEventElapsedTime;
    public delegate* unmanaged<nint*, void*, CudaResult> cuModuleLoadData;
    public delegate* unmanaged<nint*, void*, uint, JitOption*, void**, CudaResult> cuModuleLoadDataEx;
    public delegate* unmanaged<nint, CudaResult> cuModuleUnload;
    public delegate* unmanaged<nint*, nint, byte*, CudaResult> cuModuleGetFunction;
    public delegate* unmanaged<nint*, nuint*, nint, byte*, CudaResult> cuModuleGetGlobal_v2;
    public delegate* unmanaged<int*, FunctionAttribute, nint, CudaResult> cuFuncGetAttribute;
    public delegate* unmanaged<nint, FunctionAttribute, int, CudaResult> cuFuncSetAttribute;
    public delegate* unmanaged<nint, FunctionCache, CudaResult> cuFuncSetCacheConfig;
    public delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult> cuLaunchKernel;
    public delegate* unmanaged<LaunchConfig*, nint, void**, void**, CudaResult> cuLaunchKernelEx;
    public delegate* unmanaged<int*, nint, int, nuint, CudaResult> cuOccupancyMaxActiveBlocksPerMultiprocessor;
    public delegate* unmanaged<nint*, nint, ulong, CudaResult> cuGraphInstantiateWithFlags;
    public delegate* unmanaged<nint, nint, CudaResult> cuGraphLaunch;
    public delegate* unmanaged<nint, CudaResult> cuGraphDestroy;
    public delegate* unmanaged<nint, CudaResult> cuGraphExecDestroy;
    public delegate* unmanaged<nint, nint, GraphExecUpdateInfo*, CudaResult> cuGraphExecUpdate_v2;
    public delegate* unmanaged<nint, nint*, nuint*, CudaResult> cuGraphGetNodes;
    public delegate* unmanaged<nint, nint, CudaResult> cuGraphUpload;
    public delegate* unmanaged<CudaResult, byte**, CudaResult> cuGetErrorName;
    public delegate* unmanaged<CudaResult, byte**, CudaResult> cuGetErrorString;
    public delegate* unmanaged<byte*, void**, int, ulong, ProcAddressStatus*, CudaResult> cuGetProcAddress_v2;

    /// <summary>The fields' names in their order.</summary>
    public static ReadOnlySpan<string> Symbols => SymbolNames;

    private static readonly string[] SymbolNames =
    [
        nameof(cuInit), nameof(cuDriverGetVersion), nameof(cuDeviceGetCount), nameof(cuDeviceGet), nameof(cuDeviceGetName),
        nameof(cuDeviceGetAttribute), nameof(cuDeviceTotalMem_v2), nameof(cuDeviceGetUuid_v2), nameof(cuDevicePrimaryCtxRetain),
        nameof(cuDevicePrimaryCtxRelease_v2), nameof(cuDevicePrimaryCtxGetState), nameof(cuCtxGetCurrent), nameof(cuCtxSetCurrent),
        nameof(cuCtxPushCurrent_v2), nameof(cuCtxPopCurrent_v2), nameof(cuCtxGetDevice), nameof(cuCtxSynchronize), nameof(cuCtxGetApiVersion),
        nameof(cuMemGetInfo_v2), nameof(cuMemAlloc_v2), nameof(cuMemFree_v2), nameof(cuMemAllocAsync), nameof(cuMemFreeAsync),
        nameof(cuMemAllocFromPoolAsync), nameof(cuMemPoolCreate), nameof(cuMemPoolDestroy), nameof(cuMemPoolSetAttribute),
        nameof(cuMemPoolGetAttribute), nameof(cuMemPoolTrimTo), nameof(cuDeviceGetDefaultMemPool), nameof(cuMemHostAlloc), nameof(cuMemFreeHost),
        nameof(cuMemHostGetDevicePointer_v2), nameof(cuMemHostRegister_v2), nameof(cuMemHostUnregister), nameof(cuMemcpyHtoDAsync_v2),
        nameof(cuMemcpyDtoHAsync_v2), nameof(cuMemcpyDtoDAsync_v2), nameof(cuMemcpy2DAsync_v2), nameof(cuMemsetD8Async), nameof(cuMemsetD32Async),
        nameof(cuPointerGetAttribute), nameof(cuPointerGetAttributes), nameof(cuStreamCreate), nameof(cuStreamCreateWithPriority),
        nameof(cuStreamDestroy_v2), nameof(cuStreamSynchronize), nameof(cuStreamQuery), nameof(cuStreamWaitEvent), nameof(cuStreamGetCtx),
        nameof(cuStreamBeginCapture_v2), nameof(cuStreamEndCapture), nameof(cuStreamIsCapturing), nameof(cuThreadExchangeStreamCaptureMode),
        nameof(cuLaunchHostFunc), nameof(cuEventCreate), nameof(cuEventDestroy_v2), nameof(cuEventRecord), nameof(cuEventQuery),
        nameof(cuEventSynchronize), nameof(cuEventElapsedTime), nameof(cuModuleLoadData), nameof(cuModuleLoadDataEx), nameof(cuModuleUnload),
        nameof(cuModuleGetFunction), nameof(cuModuleGetGlobal_v2), nameof(cuFuncGetAttribute), nameof(cuFuncSetAttribute),
        nameof(cuFuncSetCacheConfig), nameof(cuLaunchKernel), nameof(cuLaunchKernelEx), nameof(cuOccupancyMaxActiveBlocksPerMultiprocessor),
        nameof(cuGraphInstantiateWithFlags), nameof(cuGraphLaunch), nameof(cuGraphDestroy), nameof(cuGraphExecDestroy), nameof(cuGraphExecUpdate_v2),
        nameof(cuGraphGetNodes), nameof(cuGraphUpload), nameof(cuGetErrorName), nameof(cuGetErrorString), nameof(cuGetProcAddress_v2),
    ];
}
