namespace FlowCut.Interop;

/// <summary>An NVRTC call failed. For a compilation, <see cref="Log"/> is what the compiler wrote.</summary>
public sealed class NvrtcException : NativeCudaException
{
    /// <param name="result">What NVRTC answered.</param>
    /// <param name="operation">The entry point, <c>nvrtcCompileProgram</c> for example.</param>
    /// <param name="log">The program's log; empty where there is none.</param>
    public NvrtcException(NvrtcResult result, string operation, string log = "")
        : base(operation, Describe(result, operation, log))
    {
        Result = result;
        Log = log;
    }

    public NvrtcResult Result { get; }

    /// <summary>Diagnostics with file names and lines, or the option that was refused; empty for other calls.</summary>
    public string Log { get; }

    internal static string NameOf(NvrtcResult result) => result == NvrtcResult.Success ? "NVRTC_SUCCESS"
        : Enum.IsDefined(result) ? "NVRTC_ERROR_" + NativeNames.FromMember(result.ToString()) : "unknown nvrtcResult";

    private static string Describe(NvrtcResult result, string operation, string log)
    {
        var advice = result switch
        {
            NvrtcResult.OutOfMemory => ": not enough host memory",
            NvrtcResult.InvalidOption => ": an option or the architecture is not known to this version of NVRTC",
            NvrtcResult.BuiltinOperationFailure => ": the builtins library (libnvrtc-builtins, of exactly the same version) could not be opened or used",
            _ => "",
        };
        var message = $"{operation} failed: {NameOf(result)} ({(int)result}){advice}.";
        return log.Length == 0 ? message : $"{message}{Environment.NewLine}{log.TrimEnd()}";
    }
}
