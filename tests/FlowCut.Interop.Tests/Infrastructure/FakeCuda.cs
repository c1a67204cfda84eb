using System.Runtime.InteropServices;

namespace FlowCut.Interop.Tests.Infrastructure;

/// <summary>
/// Entry points written in C#, enough to create and release objects. They keep a log of calls, count what lives, and fail
/// where a test says so. The state is static, as a native library's is: tests that use it are in one collection.
/// </summary>
internal static unsafe class FakeCuda
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, CudaResult> Failures = [];
    private static readonly List<string> Calls = [];
    private static readonly HashSet<nint> Alive = [];
    [ThreadStatic] private static Stack<nint>? _contexts;
    private static nint _next;

    public static int DriverVersion { get; set; }

    /// <summary>0: the compiler does not tell its version.</summary>
    public static int NvrtcMajor { get; set; }

    /// <summary>The driver's exports.</summary>
    public static IReadOnlyDictionary<string, nint> Driver { get; } = new Dictionary<string, nint>
    {
        ["cuInit"] = (nint)(delegate* unmanaged<uint, CudaResult>)&Init,
        ["cuDriverGetVersion"] = (nint)(delegate* unmanaged<int*, CudaResult>)&GetDriverVersion,
        ["cuDeviceGetCount"] = (nint)(delegate* unmanaged<int*, CudaResult>)&GetCount,
        ["cuDevicePrimaryCtxRetain"] = (nint)(delegate* unmanaged<nint*, int, CudaResult>)&Retain,
        ["cuDevicePrimaryCtxRelease_v2"] = (nint)(delegate* unmanaged<int, CudaResult>)&Release,
        ["cuCtxPushCurrent_v2"] = (nint)(delegate* unmanaged<nint, CudaResult>)&Push,
        ["cuCtxPopCurrent_v2"] = (nint)(delegate* unmanaged<nint*, CudaResult>)&Pop,
        ["cuStreamCreate"] = (nint)(delegate* unmanaged<nint*, uint, CudaResult>)&StreamCreate,
        ["cuStreamDestroy_v2"] = (nint)(delegate* unmanaged<nint, CudaResult>)&StreamDestroy,
        ["cuStreamQuery"] = (nint)(delegate* unmanaged<nint, CudaResult>)&StreamQuery,
        ["cuMemAlloc_v2"] = (nint)(delegate* unmanaged<nint*, nuint, CudaResult>)&MemAlloc,
        ["cuMemFree_v2"] = (nint)(delegate* unmanaged<nint, CudaResult>)&MemFree,
    };

    /// <summary>NVRTC's exports.</summary>
    public static IReadOnlyDictionary<string, nint> Nvrtc { get; } = new Dictionary<string, nint>
    {
        ["nvrtcVersion"] = (nint)(delegate* unmanaged<int*, int*, NvrtcResult>)&NvrtcVersion,
        ["nvrtcCreateProgram"] = 1,
        ["nvrtcCompileProgram"] = 1,
    };

    /// <summary>Native objects that were made and not destroyed, contexts among them.</summary>
    public static int AliveCount
    {
        get
        {
            lock (Gate) return Alive.Count;
        }
    }

    /// <summary>Names of the calls so far, in order.</summary>
    public static string[] Log
    {
        get
        {
            lock (Gate) return [.. Calls];
        }
    }

    public static void Reset()
    {
        lock (Gate)
        {
            Failures.Clear();
            Calls.Clear();
            Alive.Clear();
            _contexts = null;
            DriverVersion = 13000;
            NvrtcMajor = 13;
        }
    }

    /// <summary>Every later call of an entry point fails.</summary>
    public static void Fail(string entryPoint, CudaResult result)
    {
        lock (Gate) Failures[entryPoint] = result;
    }

    public static DriverApi CreateDriver(params string[] missing) =>
        new(new LoadedLibrary(new FakeLoader().Add("fake", Driver.Where(entry => !missing.Contains(entry.Key)).ToDictionary()), 1, "fake", []));

    private static CudaResult Enter(string entryPoint)
    {
        lock (Gate)
        {
            Calls.Add(entryPoint);
            return Failures.GetValueOrDefault(entryPoint);
        }
    }

    private static CudaResult Create(string entryPoint, nint* value, bool inContext = true)
    {
        var result = Enter(entryPoint);
        if (result != CudaResult.Success) return result;
        if (inContext && (_contexts is null || _contexts.Count == 0)) return CudaResult.InvalidContext;
        lock (Gate)
        {
            *value = ++_next;
            Alive.Add(*value);
        }

        return result;
    }

    private static CudaResult Destroy(string entryPoint, nint value)
    {
        var result = Enter(entryPoint);
        if (result != CudaResult.Success) return result;
        if (_contexts is null || _contexts.Count == 0) return CudaResult.InvalidContext;
        lock (Gate) return Alive.Remove(value) ? CudaResult.Success : CudaResult.InvalidHandle;
    }

    [UnmanagedCallersOnly]
    private static CudaResult Init(uint flags) => Enter("cuInit");

    [UnmanagedCallersOnly]
    private static CudaResult GetDriverVersion(int* version)
    {
        *version = DriverVersion;
        return Enter("cuDriverGetVersion");
    }

    [UnmanagedCallersOnly]
    private static CudaResult GetCount(int* count)
    {
        *count = 0;
        return Enter("cuDeviceGetCount");
    }

    [UnmanagedCallersOnly]
    private static CudaResult Retain(nint* context, int device) => Create("cuDevicePrimaryCtxRetain", context, inContext: false);

    [UnmanagedCallersOnly]
    private static CudaResult Release(int device)
    {
        var result = Enter("cuDevicePrimaryCtxRelease_v2");
        lock (Gate) Alive.Remove(Alive.Min());
        return result;
    }

    [UnmanagedCallersOnly]
    private static CudaResult Push(nint context)
    {
        var result = Enter("cuCtxPushCurrent_v2");
        if (result == CudaResult.Success) (_contexts ??= new Stack<nint>()).Push(context);
        return result;
    }

    [UnmanagedCallersOnly]
    private static CudaResult Pop(nint* context)
    {
        var result = Enter("cuCtxPopCurrent_v2");
        if (result == CudaResult.Success) *context = _contexts!.Pop();
        return result;
    }

    [UnmanagedCallersOnly]
    private static CudaResult StreamCreate(nint* stream, uint flags) => Create("cuStreamCreate", stream);

    [UnmanagedCallersOnly]
    private static CudaResult StreamDestroy(nint stream) => Destroy("cuStreamDestroy_v2", stream);

    [UnmanagedCallersOnly]
    private static CudaResult StreamQuery(nint stream) => Enter("cuStreamQuery");

    [UnmanagedCallersOnly]
    private static CudaResult MemAlloc(nint* pointer, nuint bytes) => Create("cuMemAlloc_v2", pointer);

    [UnmanagedCallersOnly]
    private static CudaResult MemFree(nint pointer) => Destroy("cuMemFree_v2", pointer);

    [UnmanagedCallersOnly]
    private static NvrtcResult NvrtcVersion(int* major, int* minor)
    {
        *major = NvrtcMajor;
        *minor = 0;
        return NvrtcMajor > 0 ? NvrtcResult.Success : NvrtcResult.InternalError;
    }
}

/// <summary>Tests that use the static state of <see cref="FakeCuda"/> do not run at the same time.</summary>
[CollectionDefinition(Name)]
public sealed class FakeCudaTests
{
    public const string Name = "fake CUDA";
}
