using System.Runtime.InteropServices;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Memory;

[Collection(DeviceCollection.Name)]
public class DevicePointerTests
{
    [Fact]
    public void Memory_of_every_kind_passes() => DeviceSession.OnEach(session =>
    {
        using var pooled = session.Pool.Allocate(1000, session.Stream);
        session.Stream.Synchronize();
        DevicePointer.Check(session.Context, pooled.Pointer);
        DevicePointer.Check(session.Context, pooled.Pointer + 100, 900);
        using var plain = session.Cuda.Driver.MemAlloc(session.Context.Owner, 1000);
        DevicePointer.Check(session.Context, plain.Value, 1000);
        using var pinned = PinnedMemory.Allocate(session.Context, 1000);
        DevicePointer.Check(session.Context, pinned.DevicePointer, 1000);
        DevicePointer.Check(session.Context, new DeviceMatrix(plain.Value, ElementType.Float16, 10, 50));
        DevicePointer.Check(session.Context, new DeviceMatrix(0, ElementType.Float16, 0, 50));
    });

    [Fact]
    public unsafe void Memory_that_CUDA_does_not_know_is_refused() => DeviceSession.OnEach(session =>
    {
        var host = (nint)NativeMemory.Alloc(64);
        try
        {
            var e = Assert.Throws<ArgumentException>(() => DevicePointer.Check(session.Context, host));
            Assert.Contains("no address of device memory", e.Message, StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => DevicePointer.Check(session.Context, 0));
        }
        finally
        {
            NativeMemory.Free((void*)host);
        }
    });

    [Fact]
    public void Memory_and_streams_of_another_device_are_refused() => DeviceSession.OnEach(session =>
    {
        Assert.SkipWhen(CudaDevice.Count(session.Cuda) < 2, "a second device is needed");
        using var other = CudaDevice.Open(session.Cuda, 1).RetainPrimaryContext();
        using var stream = CudaStream.Create(other);
        using var pool = DeviceMemoryPool.Create(other);
        using var plain = session.Cuda.Driver.MemAlloc(other.Owner, 64);
        using var pooled = pool.Allocate(64, stream);
        stream.Synchronize();

        var context = Assert.Throws<ArgumentException>(() => DevicePointer.Check(session.Context, plain.Value));
        Assert.Contains($"belongs to context 0x{other.Handle:x}", context.Message, StringComparison.Ordinal);
        var device = Assert.Throws<ArgumentException>(() => DevicePointer.Check(session.Context, pooled.Pointer));
        Assert.Contains("lies on device 1", device.Message, StringComparison.Ordinal);
        Assert.Contains("belongs to context", Assert.Throws<ArgumentException>(() => CudaStream.Borrow(session.Context, stream.Handle)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => session.Pool.Allocate(64, stream));
        Assert.Throws<ArgumentException>(() => pooled.Free(session.Stream));
        DevicePointer.Check(other, pooled.Pointer, 64);
    });

    [Fact]
    public void An_allocation_that_ends_too_early_is_refused() => DeviceSession.OnEach(session =>
    {
        using var memory = session.Cuda.Driver.MemAlloc(session.Context.Owner, 1024);
        var e = Assert.Throws<ArgumentException>(() => DevicePointer.Check(session.Context, memory.Value + 24, 1001));
        Assert.Contains("ends after 1000", e.Message, StringComparison.Ordinal);
    });
}
