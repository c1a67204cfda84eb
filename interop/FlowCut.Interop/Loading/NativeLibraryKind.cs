namespace FlowCut.Interop;

/// <summary>A native library that the bindings use.</summary>
internal enum NativeLibraryKind
{
    Driver,
    Nvrtc,
    CublasLt,
    Simulator,
}

/// <summary>What differs between the libraries: names, majors, what must be exported.</summary>
internal static class NativeLibraryKinds
{
    /// <summary>CUDA majors that the bindings are valid for, best first.</summary>
    public static ReadOnlySpan<int> Majors => [13, 12];

    /// <summary>For people.</summary>
    public static string DisplayName(this NativeLibraryKind kind) => kind switch
    {
        NativeLibraryKind.Driver => "The CUDA driver",
        NativeLibraryKind.Nvrtc => "The CUDA run-time compiler (NVRTC)",
        NativeLibraryKind.CublasLt => "cuBLASLt",
        _ => "The simulator",
    };

    /// <summary>What to do when the library is missing.</summary>
    public static string Advice(this NativeLibraryKind kind) => kind switch
    {
        NativeLibraryKind.Driver => "Install the NVIDIA driver; in a container, start it with the GPU passed in (--gpus all).",
        NativeLibraryKind.Nvrtc => $"Install a CUDA 12 or 13 toolkit, or 'pip install nvidia-cuda-nvrtc' (13) or 'nvidia-cuda-nvrtc-cu12', or let {LibraryCandidates.OverrideVariable} name the folder that holds it.",
        NativeLibraryKind.CublasLt => $"Install a CUDA 12 or 13 toolkit, or 'pip install nvidia-cublas' (13) or 'nvidia-cublas-cu12', or let {LibraryCandidates.OverrideVariable} name the folder that holds it.",
        _ => "Build it (see interop/simulator) and give its path.",
    };

    /// <summary>File name of a library that comes in majors.</summary>
    public static string FileName(this NativeLibraryKind kind, int major, bool windows) => (kind, windows) switch
    {
        (NativeLibraryKind.Nvrtc, false) => $"libnvrtc.so.{major}",
        (NativeLibraryKind.Nvrtc, true) => $"nvrtc64_{major}0_0.dll",
        (NativeLibraryKind.CublasLt, false) => $"libcublasLt.so.{major}",
        (NativeLibraryKind.CublasLt, true) => $"cublasLt64_{major}.dll",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "The library has one name for all majors."),
    };

    /// <summary>File name of the library that NVRTC opens at the first compilation; it belongs to exactly one version.</summary>
    public static string BuiltinsFileName(Version version, bool windows) =>
        windows ? $"nvrtc-builtins64_{version.Major}{version.Minor}.dll" : $"libnvrtc-builtins.so.{version.Major}.{version.Minor}";

    /// <summary>Without these the file is something else than its name says. Other entry points may be missing until they are needed.</summary>
    public static ReadOnlySpan<string> EssentialSymbols(this NativeLibraryKind kind) => kind switch
    {
        NativeLibraryKind.Driver => new[] { "cuInit", "cuDriverGetVersion" },
        NativeLibraryKind.Nvrtc => new[] { "nvrtcVersion", "nvrtcCreateProgram", "nvrtcCompileProgram" },
        NativeLibraryKind.CublasLt => new[] { "cublasLtGetVersion", "cublasLtCreate" },
        _ => new[] { "flowcutSimReset" },
    };
}
