namespace FlowCut.Interop;

/// <summary>Base of everything that a native CUDA library can go wrong with: absent, incomplete, or a call that failed.</summary>
public abstract class NativeCudaException : Exception
{
    private protected NativeCudaException(string operation, string message, Exception? innerException = null)
        : base(message, innerException) => Operation = operation;

    /// <summary>The native entry point that failed, as the library exports it, or the library that could not be loaded.</summary>
    public string Operation { get; }
}
