namespace FlowCut.Interop;

/// <summary>Result of a cuBLAS or cuBLASLt call (<c>cublasStatus_t</c>).</summary>
public enum CublasStatus
{
    Success = 0,
    NotInitialized = 1,
    AllocFailed = 3,
    InvalidValue = 7,
    ArchMismatch = 8,
    MappingError = 11,
    ExecutionFailed = 13,
    InternalError = 14,
    NotSupported = 15,
    LicenseError = 16,
}

/// <summary>What is done to a matrix before it is multiplied (<c>cublasOperation_t</c>).</summary>
public enum CublasOperation
{
    N = 0,
    T = 1,
    C = 2,
}

/// <summary>Arithmetic of a product: type of the multiplication and of the accumulation (<c>cublasComputeType_t</c>).</summary>
public enum CublasComputeType
{
    Compute16F = 64,
    Compute16FPedantic = 65,
    Compute32F = 68,
    Compute32FPedantic = 69,
    Compute64F = 70,
    Compute64FPedantic = 71,
    Compute32I = 72,
    Compute32IPedantic = 73,
    Compute32FFast16F = 74,
    Compute32FFast16BF = 75,
    Compute32FFastTf32 = 77,
    Compute32FEmulated16BFx9 = 78,
    /// <summary>CUDA 13 only.</summary>
    Compute64FEmulatedFixedPoint = 79,
}

/// <summary>Element type of a matrix (<c>cudaDataType_t</c>).</summary>
public enum CudaDataType
{
    R32F = 0,
    R64F = 1,
    R16F = 2,
    R8I = 3,
    C32F = 4,
    C64F = 5,
    C16F = 6,
    C8I = 7,
    R8U = 8,
    C8U = 9,
    R32I = 10,
    C32I = 11,
    R32U = 12,
    C32U = 13,
    R16BF = 14,
    C16BF = 15,
    R4I = 16,
    C4I = 17,
    R4U = 18,
    C4U = 19,
    R16I = 20,
    C16I = 21,
    R16U = 22,
    C16U = 23,
    R64I = 24,
    C64I = 25,
    R64U = 26,
    C64U = 27,
    R8FE4M3 = 28,
    R8FE5M2 = 29,
    R8FUE8M0 = 30,
    R6FE2M3 = 31,
    R6FE3M2 = 32,
    R4FE2M1 = 33,
}

/// <summary>Part of a library's version number (<c>libraryPropertyType_t</c>).</summary>
public enum LibraryProperty
{
    MajorVersion = 0,
    MinorVersion = 1,
    PatchLevel = 2,
}
