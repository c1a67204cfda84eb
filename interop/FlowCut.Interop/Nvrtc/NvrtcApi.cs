using System.Runtime.CompilerServices;
using System.Text;

namespace FlowCut.Interop;

/// <summary>
/// The run-time compiler's entry points, checked. A method has the name of its entry point without <c>nvrtc</c>; it throws
/// <see cref="NvrtcException"/>, or <see cref="MissingEntryPointException"/> where the loaded NVRTC does not have it. Needs no device and
/// no driver. Several threads may compile at once, each with programs of its own: a program belongs to one thread at a time.
/// </summary>
public sealed unsafe class NvrtcApi
{
    private readonly NvrtcFunctions _nvrtc;
    private readonly LoadedLibrary _library;

    internal NvrtcApi(LoadedLibrary library)
    {
        _library = library;
        _nvrtc = library.Bind<NvrtcFunctions>(out var missing);
        MissingEntryPoints = missing;
    }

    /// <summary>The library's file.</summary>
    public string LibraryPath => _library.Path;

    /// <summary>Entry points that this class uses and the library lacks.</summary>
    public IReadOnlyList<string> MissingEntryPoints { get; }

    internal LoadedLibrary Library => _library;

    /// <summary>Version of the compiler, part of what identifies a compiled kernel.</summary>
    public Version Version()
    {
        Need(_nvrtc.nvrtcVersion);
        int major, minor;
        Check(_nvrtc.nvrtcVersion(&major, &minor));
        return new Version(major, minor);
    }

    /// <summary>Architectures that can be compiled for, as 10·major + minor, ascending. Variants such as <c>sm_90a</c> are not listed but accepted.</summary>
    public int[] GetSupportedArchs()
    {
        Need(_nvrtc.nvrtcGetNumSupportedArchs);
        Need(_nvrtc.nvrtcGetSupportedArchs);
        int count;
        Check(_nvrtc.nvrtcGetNumSupportedArchs(&count));
        var architectures = new int[count];
        fixed (int* pointer = architectures) Check(_nvrtc.nvrtcGetSupportedArchs(pointer));
        return architectures;
    }

    /// <param name="source">CUDA C++.</param>
    /// <param name="name">File name for diagnostics.</param>
    /// <param name="headers">Texts that the source may include, each found only under exactly its name.</param>
    public NvrtcProgramHandle CreateProgram(string source, string name, IReadOnlyList<NvrtcHeader> headers)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(headers);
        Need(_nvrtc.nvrtcCreateProgram);
        var owner = new NvrtcProgramHandle(this);
        using var sourceText = new Utf8String(source);
        using var nameText = new Utf8String(name);
        using var headerTexts = new Utf8StringArray([.. headers.Select(header => header.Text)]);
        using var headerNames = new Utf8StringArray([.. headers.Select(header => header.Name)]);
        nint program;
        Check(_nvrtc.nvrtcCreateProgram(&program, sourceText.Pointer, nameText.Pointer, headers.Count, headerTexts.Pointer, headerNames.Pointer));
        owner.Own(program, null);
        return owner;
    }

    /// <param name="program">What to compile, once.</param>
    /// <param name="options">One string per option, such as <c>--gpu-architecture=sm_90a</c>.</param>
    /// <exception cref="NvrtcException">The source or an option is wrong; the exception carries the program's log.</exception>
    public void CompileProgram(NvrtcProgramHandle program, IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        Need(_nvrtc.nvrtcCompileProgram);
        using var texts = new Utf8StringArray(options);
        var result = _nvrtc.nvrtcCompileProgram(program.Value, options.Count, texts.Pointer);
        if (result != NvrtcResult.Success) throw new NvrtcException(result, nameof(_nvrtc.nvrtcCompileProgram), LogAfterFailure(program));
        GC.KeepAlive(program);
    }

    /// <summary>What the compiler wrote, also after a success: warnings, and the assembler's report where it was asked for. Empty if nothing.</summary>
    public string GetProgramLog(NvrtcProgramHandle program)
    {
        ArgumentNullException.ThrowIfNull(program);
        Need(_nvrtc.nvrtcGetProgramLogSize);
        Need(_nvrtc.nvrtcGetProgramLog);
        nuint size;
        Check(_nvrtc.nvrtcGetProgramLogSize(program.Value, &size));
        if (size <= 1) return "";
        var text = new byte[checked((int)size)];
        fixed (byte* pointer = text) Check(_nvrtc.nvrtcGetProgramLog(program.Value, pointer));
        GC.KeepAlive(program);
        return Encoding.UTF8.GetString(text, 0, text.Length - 1);
    }

    /// <summary>The machine code; empty where the architecture was a virtual one (<c>compute_90</c>).</summary>
    public byte[] GetCubin(NvrtcProgramHandle program)
    {
        ArgumentNullException.ThrowIfNull(program);
        Need(_nvrtc.nvrtcGetCUBINSize);
        Need(_nvrtc.nvrtcGetCUBIN);
        nuint size;
        Check(_nvrtc.nvrtcGetCUBINSize(program.Value, &size));
        if (size == 0) return [];
        var image = new byte[checked((int)size)];
        fixed (byte* pointer = image) Check(_nvrtc.nvrtcGetCUBIN(program.Value, pointer));
        GC.KeepAlive(program);
        return image;
    }

    /// <summary>The intermediate code, with the zero byte at its end that the driver expects.</summary>
    public byte[] GetPtx(NvrtcProgramHandle program)
    {
        ArgumentNullException.ThrowIfNull(program);
        Need(_nvrtc.nvrtcGetPTXSize);
        Need(_nvrtc.nvrtcGetPTX);
        nuint size;
        Check(_nvrtc.nvrtcGetPTXSize(program.Value, &size));
        if (size == 0) return [];
        var text = new byte[checked((int)size)];
        fixed (byte* pointer = text) Check(_nvrtc.nvrtcGetPTX(program.Value, pointer));
        GC.KeepAlive(program);
        return text;
    }

    /// <summary>The vendor's name of a result.</summary>
    public string? GetErrorString(NvrtcResult result)
    {
        Need(_nvrtc.nvrtcGetErrorString);
        return System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)_nvrtc.nvrtcGetErrorString(result));
    }

    internal bool DestroyProgram(nint program) => _nvrtc.nvrtcDestroyProgram is not null && _nvrtc.nvrtcDestroyProgram(&program) == NvrtcResult.Success;

    /// <summary>The log explains a failure better than the result does, but must not replace it if it cannot be had.</summary>
    private string LogAfterFailure(NvrtcProgramHandle program)
    {
        try
        {
            return GetProgramLog(program);
        }
        catch (NativeCudaException)
        {
            return "";
        }
    }

    private static void Check(NvrtcResult call, [CallerArgumentExpression(nameof(call))] string text = "")
    {
        if (call != NvrtcResult.Success) throw new NvrtcException(call, EntryPoints.NameIn(text));
    }

    private void Need(void* entryPoint, [CallerArgumentExpression(nameof(entryPoint))] string text = "")
    {
        if (entryPoint is null) throw new MissingEntryPointException(EntryPoints.NameIn(text), _library.Path);
    }
}

/// <summary>A text that a source may include.</summary>
/// <param name="Name">As the <c>#include</c> spells it: <c>fc/types.cuh</c>.</param>
/// <param name="Text">CUDA C++.</param>
public readonly record struct NvrtcHeader(string Name, string Text);

/// <summary>A program of NVRTC, made by <see cref="NvrtcApi.CreateProgram"/>.</summary>
public sealed class NvrtcProgramHandle : CudaHandle
{
    private readonly NvrtcApi _nvrtc;

    internal NvrtcProgramHandle(NvrtcApi nvrtc) => _nvrtc = nvrtc;

    private protected override bool Destroy(nint value) => _nvrtc.DestroyProgram(value);
}
