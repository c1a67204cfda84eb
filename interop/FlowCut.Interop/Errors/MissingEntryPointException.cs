namespace FlowCut.Interop;

/// <summary>A native library was loaded, but is too old (or not complete) to have the entry point that a call needs.</summary>
public sealed class MissingEntryPointException : NativeCudaException
{
    /// <param name="entryPoint">The exported name.</param>
    /// <param name="library">The library that was loaded, as <see cref="LibraryReport.Path"/>.</param>
    public MissingEntryPointException(string entryPoint, string library)
        : base(entryPoint, $"'{library}' has no entry point '{entryPoint}': it is older than CUDA 12.0 or not complete. Update it.") => Library = library;

    public string Library { get; }
}
