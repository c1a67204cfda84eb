using FlowCut.Interop;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Devices;

/// <summary>Tests that use a device run one after the other: the simulator's control and its report belong to the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DeviceTest
{
    public const string Name = "devices";
}

/// <summary>A device with a context, a stream, a pool and kernels of its own, for one test.</summary>
internal sealed class DeviceSession : IDisposable
{
    public DeviceSession(string device, KernelCache? cache = null)
    {
        Cuda = TestDevices.Require(device);
        Context = CudaDevice.Open(Cuda).RetainPrimaryContext();
        Stream = CudaStream.Create(Context);
        Pool = DeviceMemoryPool.Create(Context);
        Kernels = new KernelContext(Context, cache);
    }

    public NativeCuda Cuda { get; }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public DeviceMemoryPool Pool { get; }

    public KernelContext Kernels { get; }

    /// <summary>Memory that holds the given values.</summary>
    public DeviceMemory Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var memory = Pool.Allocate(Math.Max(1, (long)values.Length * System.Runtime.CompilerServices.Unsafe.SizeOf<T>()), Stream);
        Stream.Upload(values, memory.Pointer);
        return memory;
    }

    /// <summary>The values in memory, after everything enqueued so far.</summary>
    public T[] Download<T>(DeviceMemory memory, int count)
        where T : unmanaged
    {
        var values = new T[count];
        Stream.Download<T>(memory.Pointer, values);
        return values;
    }

    public void Dispose()
    {
        Kernels.Dispose();
        Pool.Dispose();
        Stream.Dispose();
        Context.Dispose();
    }
}
