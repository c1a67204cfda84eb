namespace FlowCut.Interop;

// The loader writes these fields through a pointer, which the compiler does not see.
#pragma warning disable CS0649

/// <summary>
/// NVRTC: one function pointer per used entry point, each named as the symbol that the library exports.
/// The names are valid for CUDA 12 and 13. Zero: the library that was loaded does not have it.
/// </summary>
internal unsafe struct NvrtcFunctions : INativeFunctions
{
    public delegate* unmanaged<int*, int*, NvrtcResult> nvrtcVersion;
    public delegate* unmanaged<int*, NvrtcResult> nvrtcGetNumSupportedArchs;
    public delegate* unmanaged<int*, NvrtcResult> nvrtcGetSupportedArchs;
    public delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, NvrtcResult> nvrtcCreateProgram;
    public delegate* unmanaged<nint*, NvrtcResult> nvrtcDestroyProgram;
    public delegate* unmanaged<nint, int, byte**, NvrtcResult> nvrtcCompileProgram;
    public delegate* unmanaged<nint, nuint*, NvrtcResult> nvrtcGetProgramLogSize;
    public delegate* unmanaged<nint, byte*, NvrtcResult> nvrtcGetProgramLog;
    public delegate* unmanaged<nint, nuint*, NvrtcResult> nvrtcGetCUBINSize;
    public delegate* unmanaged<nint, byte*, NvrtcResult> nvrtcGetCUBIN;
    public delegate* unmanaged<nint, nuint*, NvrtcResult> nvrtcGetPTXSize;
    public delegate* unmanaged<nint, byte*, NvrtcResult> nvrtcGetPTX;
    public delegate* unmanaged<NvrtcResult, byte*> nvrtcGetErrorString;

    /// <summary>The fields' names in their order.</summary>
    public static ReadOnlySpan<string> Symbols => SymbolNames;

    private static readonly string[] SymbolNames =
    [
        nameof(nvrtcVersion), nameof(nvrtcGetNumSupportedArchs), nameof(nvrtcGetSupportedArchs), nameof(nvrtcCreateProgram),
        nameof(nvrtcDestroyProgram), nameof(nvrtcCompileProgram), nameof(nvrtcGetProgramLogSize), nameof(nvrtcGetProgramLog),
        nameof(nvrtcGetCUBINSize), nameof(nvrtcGetCUBIN), nameof(nvrtcGetPTXSize), nameof(nvrtcGetPTX), nameof(nvrtcGetErrorString),
    ];
}
