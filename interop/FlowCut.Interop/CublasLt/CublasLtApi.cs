using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>
/// cuBLASLt's entry points, checked. A method has the name of its entry point without <c>cublasLt</c>; it throws
/// <see cref="CublasException"/>, or <see cref="MissingEntryPointException"/> where the loaded library does not have it. Descriptors need
/// neither device nor context. Matrices are column-major unless their layout says otherwise.
/// </summary>
public sealed unsafe partial class CublasLtApi
{
    private readonly CublasLtFunctions _lt;
    private readonly LoadedLibrary _library;

    internal CublasLtApi(LoadedLibrary library)
    {
        _library = library;
        _lt = library.Bind<CublasLtFunctions>(out var missing);
        MissingEntryPoints = missing;
    }

    /// <summary>The library's file.</summary>
    public string LibraryPath => _library.Path;

    /// <summary>Entry points that this class uses and the library lacks.</summary>
    public IReadOnlyList<string> MissingEntryPoints { get; }

    internal LoadedLibrary Library => _library;

    /// <summary>Version of the library, part of what identifies a chosen algorithm.</summary>
    public Version GetVersion()
    {
        // 130100 is 13.1.0; cuBLAS 11 counted otherwise, which is of no concern here
        Need(_lt.cublasLtGetVersion);
        var version = (int)_lt.cublasLtGetVersion();
        return new Version(version / 10000, version / 100 % 100, version % 100);
    }

    public int GetProperty(LibraryProperty property)
    {
        Need(_lt.cublasLtGetProperty);
        int value;
        Check(_lt.cublasLtGetProperty(property, &value));
        return value;
    }

    /// <summary>The vendor's explanation of a status.</summary>
    public string? GetStatusString(CublasStatus status)
    {
        Need(_lt.cublasLtGetStatusString);
        return Marshal.PtrToStringUTF8((nint)_lt.cublasLtGetStatusString(status));
    }

    /// <summary>A library handle for a context, which it keeps alive. It may be used from several threads.</summary>
    public CublasLtHandle Create(ContextHandle context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Need(_lt.cublasLtCreate);
        var owner = new CublasLtHandle(this);
        var value = context.Value;
        var held = false;
        context.DangerousAddRef(ref held);
        nint created = 0;
        try
        {
            context.Driver.CtxPushCurrent(value);
            var status = _lt.cublasLtCreate(&created);
            try
            {
                context.Driver.CtxPopCurrent();
            }
            catch when (status == CublasStatus.Success)
            {
                _lt.cublasLtDestroy(created);
                throw;
            }

            Check(status, nameof(_lt.cublasLtCreate));
        }
        catch
        {
            context.DangerousRelease();
            throw;
        }

        owner.Own(created, context);
        return owner;
    }

    /// <summary>Releases what the library keeps for a context, on any thread, without throwing.</summary>
    internal bool Destroy(ContextHandle context, nint handle)
    {
        if (_lt.cublasLtDestroy is null || !context.Driver.TryPush(context)) return false;
        var status = _lt.cublasLtDestroy(handle);
        return context.Driver.TryPop() && status == CublasStatus.Success;
    }

    private static void Check(CublasStatus call, [CallerArgumentExpression(nameof(call))] string text = "")
    {
        if (call != CublasStatus.Success) throw new CublasException(call, EntryPoints.NameIn(text));
    }

    private void Need(void* entryPoint, [CallerArgumentExpression(nameof(entryPoint))] string text = "")
    {
        if (entryPoint is null) throw new MissingEntryPointException(EntryPoints.NameIn(text), _library.Path);
    }
}
