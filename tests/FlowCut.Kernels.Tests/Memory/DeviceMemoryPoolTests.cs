using System.Runtime.CompilerServices;
using FlowCut.Interop;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Memory;

[Collection(DeviceCollection.Name)]
public class DeviceMemoryPoolTests
{
    [Fact]
    public void It_counts_what_is_in_use_and_the_most_there_was() => DeviceSession.OnEach(session =>
    {
        var (pool, stream) = (session.Pool, session.Stream);
        var a = pool.Allocate(1000, stream);
        var b = pool.Allocate(500, stream);
        Assert.Equal((1500, 1500), (pool.BytesInUse, pool.PeakBytes));
        a.Dispose();
        a.Dispose();
        Assert.Equal((500, 1500), (pool.BytesInUse, pool.PeakBytes));
        pool.ResetPeak();
        Assert.Equal(500, pool.PeakBytes);
        b.Free(stream);
        b.Dispose();
        Assert.Equal(0, pool.BytesInUse);
        Assert.True(pool.GetReservedBytes() >= 0);
        stream.Synchronize();
        pool.Trim();
        Assert.Equal(0, pool.GetReservedBytes());
    });

    [Fact]
    public void Addresses_are_aligned_and_sizes_are_checked() => DeviceSession.OnEach(session =>
    {
        using var one = session.Pool.Allocate(1, session.Stream);
        using var two = session.Pool.Allocate(257, session.Stream);
        Assert.Equal((0, 0), (one.Pointer % 256, two.Pointer % 256));
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Pool.Allocate(0, session.Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Pool.Allocate(-1, session.Stream));
    });

    [Fact]
    public void Views_have_to_fit() => DeviceSession.OnEach(session =>
    {
        using var memory = session.Pool.Allocate(1024, session.Stream);
        Assert.Equal(new DeviceMatrix(memory.Pointer + 24, ElementType.Float16, 10, 50), memory.Matrix(ElementType.Float16, 10, 50, 24));
        Assert.Equal(new DeviceArray<int>(memory.Pointer, 256), memory.Array<int>(256));
        Assert.Throws<ArgumentException>(() => memory.Matrix(ElementType.Float16, 10, 50, 26));
        Assert.Throws<ArgumentException>(() => memory.Matrix(ElementType.Float32, 10, 20, 2));
        Assert.Throws<ArgumentException>(() => memory.Matrix(ElementType.Float32, int.MaxValue, int.MaxValue));
        Assert.Throws<ArgumentException>(() => memory.Array<long>(129));
    });

    [Fact]
    public void What_does_not_fit_is_refused_with_what_was_wanted_what_is_free_and_what_the_pool_holds() => DeviceSession.OnEach(session =>
    {
        using var held = session.Pool.Allocate(5 << 20, session.Stream);
        var wanted = 4 * session.Context.GetMemory().Total;
        var e = Assert.Throws<DeviceOutOfMemoryException>(() => session.Pool.Allocate(wanted, session.Stream));
        Assert.Equal(wanted, e.Wanted);
        Assert.Equal(5 << 20, e.PoolInUse);
        Assert.True(e.PoolReserved >= 5 << 20);
        Assert.InRange(e.Free, 0, e.Total);
        Assert.Matches(@"^The device has not enough memory: [\d.]+ GiB were wanted, [\d.]+ [KMG]iB of [\d.]+ GiB are free; this program's pool holds [\d.]+ MiB, of which 5.0 MiB are in use\.$", e.Message);
        Assert.Equal(5 << 20, session.Pool.BytesInUse);
        using var after = session.Upload<int>([1, 2]);
        Assert.Equal([1, 2], session.Download<int>(after.Pointer, 2));
    });

    [Fact]
    public void A_shortage_that_passes_is_overcome() => DeviceSession.OnSimulator((session, simulator) =>
    {
        simulator.FailNext("cuMemAllocFromPoolAsync", CudaResult.OutOfMemory);
        using var memory = session.Pool.Allocate(100, session.Stream);
        Assert.Equal(100, session.Pool.BytesInUse);
    });

    [Fact]
    public void Another_error_is_passed_on() => DeviceSession.OnSimulator((session, simulator) =>
    {
        simulator.FailNext("cuMemAllocFromPoolAsync", CudaResult.NotSupported);
        Assert.Equal(CudaResult.NotSupported, Assert.Throws<CudaException>(() => session.Pool.Allocate(100, session.Stream)).Result);
        Assert.Equal(0, session.Pool.BytesInUse);
    });

    [Fact]
    public void Freeing_never_throws() => DeviceSession.OnSimulator((session, simulator) =>
    {
        var memory = session.Pool.Allocate(100, session.Stream);
        simulator.FailNext("cuMemFreeAsync", CudaResult.Unknown);
        memory.Dispose();
        Assert.Equal(0, session.Pool.BytesInUse);
    });

    [Fact]
    public void Memory_that_was_forgotten_is_freed_by_the_pool() => DeviceSession.OnEach(session =>
    {
        Forget(session);
        for (var i = 0; i < 50 && session.Pool.BytesInUse > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            session.Pool.Trim();
        }

        Assert.Equal(0, session.Pool.BytesInUse);
    });

    [Fact]
    public void Memory_outlives_its_stream() => DeviceSession.OnEach(session =>
    {
        var stream = CudaStream.Create(session.Context);
        var memory = session.Pool.Allocate(100, stream);
        // another stream may use it once this one has come past the allocation
        stream.Synchronize();
        stream.Dispose();
        session.Stream.EnqueueFill(memory.Pointer, 1, 100);
        memory.Dispose();
        session.Context.Synchronize();
        Assert.Equal(0, session.Pool.BytesInUse);
    });

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(DeviceSession session) => session.Pool.Allocate(100, session.Stream);
}
