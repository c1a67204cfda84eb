using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>
/// The CUDA driver's entry points, checked. A method has the name of its entry point without <c>cu</c>; it throws
/// <see cref="CudaException"/> with the result and the entry point unless it says otherwise, and
/// <see cref="MissingEntryPointException"/> where the loaded driver does not have it. Nothing is allocated, synchronised or retried
/// beyond what the entry point does. All methods may be called from any thread; "current" means the calling thread's.
/// Calls on hot paths take <c>nint</c> handles, which the caller keeps alive; calls that create an object take the context it is
/// to live in and return its owner.
/// </summary>
public sealed unsafe partial class DriverApi
{
    /// <summary>The oldest driver that will do: CUDA 12.0.</summary>
    public const int MinimumVersion = 12000;

    private readonly DriverFunctions _cuda;
    private readonly LoadedLibrary _library;

    internal DriverApi(LoadedLibrary library)
    {
        _library = library;
        _cuda = library.Bind<DriverFunctions>(out var missing);
        MissingEntryPoints = missing;
    }

    /// <summary>The library's file.</summary>
    public string LibraryPath => _library.Path;

    /// <summary>Entry points that this class uses and the library lacks.</summary>
    public IReadOnlyList<string> MissingEntryPoints { get; }

    internal LoadedLibrary Library => _library;

    /// <summary>Initialises the driver for this process; more than once does no harm. <see cref="NativeCuda.Driver"/> has done it.</summary>
    public void Init()
    {
        Need(_cuda.cuInit);
        Check(_cuda.cuInit(0));
    }

    /// <summary>The newest CUDA version that the driver supports, as 1000·major + 10·minor. Needs no device and no initialisation.</summary>
    public int DriverGetVersion()
    {
        Need(_cuda.cuDriverGetVersion);
        int version;
        Check(_cuda.cuDriverGetVersion(&version));
        return version;
    }

    /// <summary>The vendor's name of a result, also of one that <see cref="CudaResult"/> does not have; null where the driver does not know it either.</summary>
    public string? GetErrorName(CudaResult result)
    {
        byte* text = null;
        return _cuda.cuGetErrorName is not null && _cuda.cuGetErrorName(result, &text) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)text) : null;
    }

    /// <summary>The vendor's explanation of a result; null where the driver does not know it.</summary>
    public string? GetErrorString(CudaResult result)
    {
        byte* text = null;
        return _cuda.cuGetErrorString is not null && _cuda.cuGetErrorString(result, &text) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)text) : null;
    }

    /// <summary>Address of any entry point of the driver, for calls that this class does not have.</summary>
    /// <param name="symbol">API name without suffix: <c>cuTensorMapEncodeTiled</c>.</param>
    /// <param name="cudaVersion">The version whose signature is wanted, as 1000·major + 10·minor.</param>
    /// <param name="flags">Which variant regarding the default stream.</param>
    /// <returns>Zero where the driver has no such entry point, or only in another version.</returns>
    public nint GetProcAddress(string symbol, int cudaVersion, ProcAddressFlags flags = ProcAddressFlags.Default)
    {
        ArgumentException.ThrowIfNullOrEmpty(symbol);
        Need(_cuda.cuGetProcAddress_v2);
        using var name = new Utf8String(symbol);
        void* address = null;
        ProcAddressStatus status;
        var result = _cuda.cuGetProcAddress_v2(name.Pointer, &address, cudaVersion, (ulong)flags, &status);
        if (result == CudaResult.NotFound) return 0;
        Check(result, nameof(_cuda.cuGetProcAddress_v2));
        return status == ProcAddressStatus.Success ? (nint)address : 0;
    }

    /// <summary>The text of the call names the entry point in the exception.</summary>
    private void Check(CudaResult call, [CallerArgumentExpression(nameof(call))] string text = "")
    {
        if (call != CudaResult.Success) throw Failure(call, text);
    }

    private void Need(void* entryPoint, [CallerArgumentExpression(nameof(entryPoint))] string text = "")
    {
        if (entryPoint is null) throw new MissingEntryPointException(EntryPoints.NameIn(text), _library.Path);
    }

    private CudaException Failure(CudaResult result, string text)
    {
        var description = Enum.IsDefined(result) ? null : GetErrorString(result);
        return new CudaException(result, EntryPoints.NameIn(text), description);
    }

    /// <summary>Makes a context current and keeps it alive, for a call that creates something in it; <see cref="Leave"/> undoes both.</summary>
    private void Enter(ContextHandle context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Driver != this) throw new ArgumentException("The context belongs to another driver library.", nameof(context));
        Need(_cuda.cuCtxPushCurrent_v2);
        Need(_cuda.cuCtxPopCurrent_v2);
        var value = context.Value;
        var held = false;
        context.DangerousAddRef(ref held);
        var result = _cuda.cuCtxPushCurrent_v2(value);
        if (result == CudaResult.Success) return;
        context.DangerousRelease();
        throw Failure(result, nameof(_cuda.cuCtxPushCurrent_v2));
    }

    /// <summary>Restores the thread's context and gives a new object to its owner, or throws what the creation answered.</summary>
    private THandle Leave<THandle>(THandle owner, ContextHandle context, nint value, CudaResult result, string operation)
        where THandle : DriverHandle
    {
        nint popped;
        var restored = _cuda.cuCtxPopCurrent_v2(&popped);
        if (result != CudaResult.Success)
        {
            context.DangerousRelease();
            throw Failure(result, operation);
        }

        owner.Own(value, context);
        if (restored == CudaResult.Success) return owner;
        owner.Dispose();
        throw Failure(restored, nameof(_cuda.cuCtxPopCurrent_v2));
    }
}
