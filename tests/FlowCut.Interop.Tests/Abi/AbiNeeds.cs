using System.Reflection;

namespace FlowCut.Interop.Tests.Abi;

/// <summary>An enum of the bindings and where its values come from.</summary>
/// <param name="Type">The C# enum.</param>
/// <param name="Name">The C enum.</param>
/// <param name="Prefixes">What the C# members drop, the first that fits.</param>
/// <param name="IsComplete">Whether every C member must be there. Counters (…_MAX, …_END) and second names of a value need not.</param>
internal sealed record EnumCase(Type Type, string Name, string[] Prefixes, bool IsComplete = true);

/// <summary>A struct of the bindings and its C counterpart.</summary>
/// <param name="Type">The C# struct.</param>
/// <param name="Name">The C struct.</param>
/// <param name="Fields">Every C# field with the C field at whose offset it lies.</param>
internal sealed record StructCase(Type Type, string Name, params (string Field, string Native)[] Fields);

/// <summary>What the bindings use of the vendor's headers.</summary>
internal static class AbiNeeds
{
    public static readonly EnumCase[] Enums =
    [
        new(typeof(CudaResult), "CUresult", ["CUDA_ERROR_", "CUDA_"]),
        new(typeof(DeviceAttribute), "CUdevice_attribute", ["CU_DEVICE_ATTRIBUTE_"], IsComplete: false),
        new(typeof(StreamFlags), "CUstream_flags", ["CU_STREAM_"]),
        new(typeof(EventFlags), "CUevent_flags", ["CU_EVENT_"]),
        new(typeof(EventWaitFlags), "CUevent_wait_flags", ["CU_EVENT_WAIT_"]),
        new(typeof(StreamCaptureMode), "CUstreamCaptureMode", ["CU_STREAM_CAPTURE_MODE_"]),
        new(typeof(StreamCaptureStatus), "CUstreamCaptureStatus", ["CU_STREAM_CAPTURE_STATUS_"]),
        new(typeof(ContextFlags), "CUctx_flags", ["CU_CTX_"]),
        new(typeof(MemoryType), "CUmemorytype", ["CU_MEMORYTYPE_"]),
        new(typeof(PointerAttribute), "CUpointer_attribute", ["CU_POINTER_ATTRIBUTE_"]),
        new(typeof(MemoryPoolAttribute), "CUmemPool_attribute", ["CU_MEMPOOL_ATTR_"]),
        new(typeof(MemoryAllocationType), "CUmemAllocationType", ["CU_MEM_ALLOCATION_TYPE_"]),
        new(typeof(MemoryHandleTypes), "CUmemAllocationHandleType", ["CU_MEM_HANDLE_TYPE_"]),
        new(typeof(MemoryLocationType), "CUmemLocationType", ["CU_MEM_LOCATION_TYPE_"]),
        new(typeof(FunctionAttribute), "CUfunction_attribute", ["CU_FUNC_ATTRIBUTE_"]),
        new(typeof(FunctionCache), "CUfunc_cache", ["CU_FUNC_CACHE_"]),
        new(typeof(LaunchAttributeId), "CUlaunchAttributeID", ["CU_LAUNCH_ATTRIBUTE_"]),
        new(typeof(JitOption), "CUjit_option", ["CU_JIT_"]),
        new(typeof(GraphInstantiateFlags), "CUgraphInstantiate_flags", ["CUDA_GRAPH_INSTANTIATE_FLAG_"]),
        new(typeof(GraphExecUpdateResult), "CUgraphExecUpdateResult", ["CU_GRAPH_EXEC_UPDATE_ERROR_", "CU_GRAPH_EXEC_UPDATE_"]),
        new(typeof(ProcAddressFlags), "CUdriverProcAddress_flags", ["CU_GET_PROC_ADDRESS_"]),
        new(typeof(ProcAddressStatus), "CUdriverProcAddressQueryResult", ["CU_GET_PROC_ADDRESS_"]),
        new(typeof(NvrtcResult), "nvrtcResult", ["NVRTC_ERROR_", "NVRTC_"]),
        new(typeof(CublasStatus), "cublasStatus_t", ["CUBLAS_STATUS_"]),
        new(typeof(CublasOperation), "cublasOperation_t", ["CUBLAS_OP_"], IsComplete: false),
        new(typeof(CublasComputeType), "cublasComputeType_t", ["CUBLAS_"]),
        new(typeof(CudaDataType), "cudaDataType_t", ["CUDA_"]),
        new(typeof(LibraryProperty), "libraryPropertyType_t", []),
        new(typeof(CublasLtEpilogue), "cublasLtEpilogue_t", ["CUBLASLT_EPILOGUE_"]),
        new(typeof(CublasLtOrder), "cublasLtOrder_t", ["CUBLASLT_ORDER_"], IsComplete: false),
        new(typeof(CublasLtPointerMode), "cublasLtPointerMode_t", ["CUBLASLT_POINTER_MODE_"]),
        new(typeof(CublasLtReductionSchemes), "cublasLtReductionScheme_t", ["CUBLASLT_REDUCTION_SCHEME_"]),
        new(typeof(CublasLtMatmulSearch), "cublasLtMatmulSearch_t", ["CUBLASLT_SEARCH_"], IsComplete: false),
        new(typeof(CublasLtMatmulDescAttribute), "cublasLtMatmulDescAttributes_t", ["CUBLASLT_MATMUL_DESC_"]),
        new(typeof(CublasLtMatrixLayoutAttribute), "cublasLtMatrixLayoutAttribute_t", ["CUBLASLT_MATRIX_LAYOUT_"]),
        new(typeof(CublasLtMatmulPreferenceAttribute), "cublasLtMatmulPreferenceAttributes_t", ["CUBLASLT_MATMUL_PREF_"]),
        new(typeof(CublasLtAlgoConfigAttribute), "cublasLtMatmulAlgoConfigAttributes_t", ["CUBLASLT_ALGO_CONFIG_"]),
    ];

    /// <summary>Flags that the headers define one by one.</summary>
    public static readonly (Type Type, string Prefix)[] ConstantEnums = [(typeof(HostAllocationFlags), "CU_MEMHOSTALLOC_"), (typeof(HostRegistrationFlags), "CU_MEMHOSTREGISTER_")];

    public static readonly StructCase[] Structs =
    [
        new(typeof(LaunchConfig), "CUlaunchConfig",
            ("Grid", "gridDimX"), ("Block", "blockDimX"), ("SharedBytes", "sharedMemBytes"), ("Stream", "hStream"), ("Attributes", "attrs"), ("AttributeCount", "numAttrs")),
        new(typeof(LaunchAttribute), "CUlaunchAttribute",
            ("Id", "id"), ("ClusterDimension", "value"), ("Cooperative", "value"), ("ProgrammaticStreamSerializationAllowed", "value"), ("Priority", "value"), ("SharedMemoryCarveout", "value")),
        new(typeof(MemoryLocation), "CUmemLocation", ("Type", "type"), ("Id", "id")),
        new(typeof(MemoryPoolProperties), "CUmemPoolProps",
            ("AllocationType", "allocType"), ("HandleTypes", "handleTypes"), ("Location", "location"), ("Win32SecurityAttributes", "win32SecurityAttributes"),
            ("MaxSize", "maxSize"), ("Usage", "usage"), ("Reserved", "reserved")),
        new(typeof(Memcpy2D), "CUDA_MEMCPY2D_v2",
            ("SourceX", "srcXInBytes"), ("SourceY", "srcY"), ("SourceType", "srcMemoryType"), ("SourceHost", "srcHost"), ("SourceDevice", "srcDevice"),
            ("SourceArray", "srcArray"), ("SourcePitch", "srcPitch"), ("DestinationX", "dstXInBytes"), ("DestinationY", "dstY"), ("DestinationType", "dstMemoryType"),
            ("DestinationHost", "dstHost"), ("DestinationDevice", "dstDevice"), ("DestinationArray", "dstArray"), ("DestinationPitch", "dstPitch"),
            ("Width", "WidthInBytes"), ("Height", "Height")),
        new(typeof(GraphExecUpdateInfo), "CUgraphExecUpdateResultInfo", ("Result", "result"), ("ErrorNode", "errorNode"), ("ErrorFromNode", "errorFromNode")),
        new(typeof(CublasLtAlgo), "cublasLtMatmulAlgo_t", ("Data", "data")),
        new(typeof(CublasLtHeuristicResult), "cublasLtMatmulHeuristicResult_t",
            ("Algo", "algo"), ("WorkspaceSize", "workspaceSize"), ("State", "state"), ("WavesCount", "wavesCount"), ("Reserved", "reserved")),
    ];

    /// <summary>The tables of function pointers and the library that each belongs to.</summary>
    public static readonly (Type Table, string Library)[] Tables =
        [(typeof(DriverFunctions), "cuda"), (typeof(NvrtcFunctions), "nvrtc"), (typeof(CublasLtFunctions), "cublasLt")];

    public static IEnumerable<(string Section, IEnumerable<string> Names)> Sections =>
    [
        ("functions", Tables.SelectMany(table => Symbols(table.Table)).Select(ApiName)),
        ("enums", Enums.Select(item => item.Name)),
        ("structs", Structs.Select(item => item.Name).Append("CUlaunchAttributeValue").Append("CUuuid")),
        ("types", ["CUdevice", "CUdeviceptr", "CUcontext", "CUstream", "CUevent", "CUmodule", "CUfunction", "CUmemoryPool", "CUgraph", "CUgraphExec", "CUgraphNode", "nvrtcProgram", "cublasLtHandle_t", "size_t", "cuuint64_t", "uint64_t", "int64_t"]),
        ("constants",
        [
            "CU_MEMHOSTALLOC_PORTABLE", "CU_MEMHOSTALLOC_DEVICEMAP", "CU_MEMHOSTALLOC_WRITECOMBINED", "CU_MEMHOSTREGISTER_PORTABLE", "CU_MEMHOSTREGISTER_DEVICEMAP",
            "CU_MEMHOSTREGISTER_IOMEMORY", "CU_MEMHOSTREGISTER_READ_ONLY", "CU_STREAM_LEGACY", "CU_STREAM_PER_THREAD",
        ]),
    ];

    public static IEnumerable<string> Symbols(Type table) => table.GetFields(BindingFlags.Public | BindingFlags.Instance).Select(field => field.Name);

    /// <summary>The API name of a symbol: the header maps the name without suffix to one with.</summary>
    public static string ApiName(string symbol)
    {
        var suffix = symbol.LastIndexOf("_v", StringComparison.Ordinal);
        return suffix > 0 ? symbol[..suffix] : symbol;
    }
}
