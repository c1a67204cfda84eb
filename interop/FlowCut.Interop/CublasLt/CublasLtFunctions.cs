namespace FlowCut.Interop;

// The loader writes these fields through a pointer, which the compiler does not see.
#pragma warning disable CS0649

/// <summary>
/// cuBLASLt: one function pointer per used entry point, each named as the symbol that the library exports.
/// The names are valid for CUDA 12 and 13. Zero: the library that was loaded does not have it.
/// </summary>
internal unsafe struct CublasLtFunctions : INativeFunctions
{
    public delegate* unmanaged<nint*, CublasStatus> cublasLtCreate;
    public delegate* unmanaged<nint, CublasStatus> cublasLtDestroy;
    public delegate* unmanaged<nuint> cublasLtGetVersion;
    public delegate* unmanaged<LibraryProperty, int*, CublasStatus> cublasLtGetProperty;
    public delegate* unmanaged<CublasStatus, byte*> cublasLtGetStatusString;
    public delegate* unmanaged<nint*, CublasComputeType, CudaDataType, CublasStatus> cublasLtMatmulDescCreate;
    public delegate* unmanaged<nint, CublasStatus> cublasLtMatmulDescDestroy;
    public delegate* unmanaged<nint, CublasLtMatmulDescAttribute, void*, nuint, CublasStatus> cublasLtMatmulDescSetAttribute;
    public delegate* unmanaged<nint, CublasLtMatmulDescAttribute, void*, nuint, nuint*, CublasStatus> cublasLtMatmulDescGetAttribute;
    public delegate* unmanaged<nint*, CudaDataType, ulong, ulong, long, CublasStatus> cublasLtMatrixLayoutCreate;
    public delegate* unmanaged<nint, CublasStatus> cublasLtMatrixLayoutDestroy;
    public delegate* unmanaged<nint, CublasLtMatrixLayoutAttribute, void*, nuint, CublasStatus> cublasLtMatrixLayoutSetAttribute;
    public delegate* unmanaged<nint*, CublasStatus> cublasLtMatmulPreferenceCreate;
    public delegate* unmanaged<nint, CublasStatus> cublasLtMatmulPreferenceDestroy;
    public delegate* unmanaged<nint, CublasLtMatmulPreferenceAttribute, void*, nuint, CublasStatus> cublasLtMatmulPreferenceSetAttribute;
    public delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, CublasLtHeuristicResult*, int*, CublasStatus> cublasLtMatmulAlgoGetHeuristic;
    public delegate* unmanaged<nint, CublasComputeType, CudaDataType, CudaDataType, CudaDataType, CudaDataType, CudaDataType, int, CublasLtAlgo*, CublasStatus> cublasLtMatmulAlgoInit;
    public delegate* unmanaged<CublasLtAlgo*, CublasLtAlgoConfigAttribute, void*, nuint, CublasStatus> cublasLtMatmulAlgoConfigSetAttribute;
    public delegate* unmanaged<CublasLtAlgo*, CublasLtAlgoConfigAttribute, void*, nuint, nuint*, CublasStatus> cublasLtMatmulAlgoConfigGetAttribute;
    public delegate* unmanaged<nint, nint, nint, nint, nint, nint, CublasLtAlgo*, CublasLtHeuristicResult*, CublasStatus> cublasLtMatmulAlgoCheck;
    public delegate* unmanaged<nint, nint, void*, void*, nint, void*, nint, void*, void*, nint, void*, nint, CublasLtAlgo*, void*, nuint, nint, CublasStatus> cublasLtMatmul;

    /// <summary>The fields' names in their order.</summary>
    public static ReadOnlySpan<string> Symbols => SymbolNames;

    private static readonly string[] SymbolNames =
    [
        nameof(cublasLtCreate), nameof(cublasLtDestroy), nameof(cublasLtGetVersion), nameof(cublasLtGetProperty), nameof(cublasLtGetStatusString),
        nameof(cublasLtMatmulDescCreate), nameof(cublasLtMatmulDescDestroy), nameof(cublasLtMatmulDescSetAttribute),
        nameof(cublasLtMatmulDescGetAttribute), nameof(cublasLtMatrixLayoutCreate), nameof(cublasLtMatrixLayoutDestroy),
        nameof(cublasLtMatrixLayoutSetAttribute), nameof(cublasLtMatmulPreferenceCreate), nameof(cublasLtMatmulPreferenceDestroy),
        nameof(cublasLtMatmulPreferenceSetAttribute), nameof(cublasLtMatmulAlgoGetHeuristic), nameof(cublasLtMatmulAlgoInit),
        nameof(cublasLtMatmulAlgoConfigSetAttribute), nameof(cublasLtMatmulAlgoConfigGetAttribute), nameof(cublasLtMatmulAlgoCheck),
        nameof(cublasLtMatmul),
    ];
}
