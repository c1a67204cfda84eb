using System.Runtime.CompilerServices;
using FlowCut.Interop;
using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Devices;

/// <summary>Context, stream, pool and kernels of its own for one test, on a device that other tests use too.</summary>
internal sealed class DeviceSession : IDisposable
{
    private readonly TemporaryFolder _cache = new();

    public DeviceSession(CaseDevice device)
    {
        Name = device.Name;
        Cuda = device.Context.Cuda;
        Context = CudaDevice.Open(Cuda).RetainPrimaryContext();
        Stream = CudaStream.Create(Context);
        Pool = DeviceMemoryPool.Create(Context);
        Kernels = new KernelContext(Context, new KernelCache(_cache.Path));
    }

    public string Name { get; }

    public NativeCuda Cuda { get; }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public DeviceMemoryPool Pool { get; }

    /// <summary>With an empty cache of its own.</summary>
    public KernelContext Kernels { get; }

    /// <summary>Runs a test on every device that is there, each time in a session of its own.</summary>
    public static void OnEach(Action<DeviceSession> test)
    {
        foreach (var device in TestDevice.Available())
        {
            using var session = new DeviceSession(device);
            test(session);
        }
    }

    /// <summary>Runs a test on the simulator, with its control.</summary>
    public static void OnSimulator(Action<DeviceSession, SimulatorControl> test)
    {
        foreach (var device in TestDevice.Available())
        {
            if (!device.IsSimulator) continue;
            using var session = new DeviceSession(device);
            test(session, new SimulatorControl(session.Cuda));
        }
    }

    /// <summary>Memory that holds the given values.</summary>
    public DeviceMemory Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var memory = Pool.Allocate((long)values.Length * Unsafe.SizeOf<T>(), Stream);
        Stream.Upload(values, memory.Pointer);
        return memory;
    }

    /// <summary>The values in memory, after everything enqueued so far.</summary>
    public T[] Download<T>(nint pointer, int count)
        where T : unmanaged
    {
        var values = new T[count];
        Stream.Download<T>(pointer, values);
        return values;
    }

    public void Dispose()
    {
        Kernels.Dispose();
        Pool.Dispose();
        Stream.Dispose();
        Context.Dispose();
        _cache.Dispose();
    }
}
