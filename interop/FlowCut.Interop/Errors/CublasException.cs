namespace FlowCut.Interop;

/// <summary>A cuBLASLt call failed.</summary>
public sealed class CublasException : NativeCudaException
{
    /// <param name="status">What the library answered.</param>
    /// <param name="operation">The entry point, <c>cublasLtMatmul</c> for example.</param>
    public CublasException(CublasStatus status, string operation)
        : base(operation, Describe(status, operation)) => Status = status;

    public CublasStatus Status { get; }

    internal static string NameOf(CublasStatus status) => Enum.IsDefined(status) ? "CUBLAS_STATUS_" + NativeNames.FromMember(status.ToString()) : "unknown cublasStatus_t";

    private static string Describe(CublasStatus status, string operation)
    {
        var advice = status switch
        {
            CublasStatus.NotInitialized => ": there is no device, no current context, or the driver is older than the library",
            CublasStatus.AllocFailed => ": not enough memory on device or host",
            CublasStatus.InvalidValue => ": an argument, a size or a combination of types is not allowed",
            CublasStatus.ArchMismatch => ": the device is too old for this type or operation",
            CublasStatus.ExecutionFailed => ": a kernel could not be launched or failed",
            CublasStatus.NotSupported => ": no algorithm supports this combination of types, layouts, alignment, epilogue and workspace",
            _ => "",
        };
        return $"{operation} failed: {NameOf(status)} ({(int)status}){advice}.";
    }
}
