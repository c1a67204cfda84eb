namespace FlowCut.Interop;

/// <summary>Result of an NVRTC call: every code of CUDA 12 and 13 (<c>nvrtcResult</c>).</summary>
public enum NvrtcResult
{
    Success = 0,
    OutOfMemory = 1,
    ProgramCreationFailure = 2,
    InvalidInput = 3,
    InvalidProgram = 4,
    InvalidOption = 5,
    Compilation = 6,
    BuiltinOperationFailure = 7,
    NoNameExpressionsAfterCompilation = 8,
    NoLoweredNamesBeforeCompilation = 9,
    NameExpressionNotValid = 10,
    InternalError = 11,
    TimeFileWriteFailed = 12,
    NoPchCreateAttempted = 13,
    PchCreateHeapExhausted = 14,
    PchCreate = 15,
    Cancelled = 16,
    /// <summary>CUDA 13 only.</summary>
    TimeTraceFileWriteFailed = 17,
}
