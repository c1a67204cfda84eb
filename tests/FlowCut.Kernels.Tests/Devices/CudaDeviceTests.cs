using FlowCut.Interop;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Devices;

[Collection(DeviceCollection.Name)]
public class CudaDeviceTests
{
    [Fact]
    public void Devices_are_described() => DeviceSession.OnEach(session =>
    {
        var devices = CudaDevice.All(session.Cuda);
        Assert.Equal(CudaDevice.Count(session.Cuda), devices.Count);
        var info = devices[0].Info;
        Assert.NotEqual("", info.Name);
        Assert.NotEqual(Guid.Empty, info.Uuid);
        Assert.True(info.IsSupported);
        Assert.StartsWith("sm_", info.Architecture, StringComparison.Ordinal);
        Assert.InRange(info.Multiprocessors, 1, 1000);
        Assert.InRange(info.SharedMemoryPerBlock, 48 << 10, 1 << 20);
        Assert.InRange(info.SharedMemoryPerMultiprocessor, info.SharedMemoryPerBlock, 1 << 20);
        Assert.InRange(info.L2Bytes, 1, int.MaxValue);
        Assert.InRange(info.MemoryBytes, 1L << 28, 1L << 42);
        Assert.Equal((1024, 65535, 65535), (info.MaxThreadsPerBlock, info.MaxGridY, info.MaxGridZ));
        Assert.True(info.SupportsMemoryPools);
    });

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public void A_device_that_is_not_there_is_refused_with_those_that_are(int ordinal) => DeviceSession.OnEach(session =>
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => CudaDevice.Open(session.Cuda, ordinal));
        Assert.Contains($"no CUDA device {ordinal}", e.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void Calls_leave_the_current_context_as_it_was() => DeviceSession.OnEach(session =>
    {
        var driver = session.Cuda.Driver;
        driver.CtxSetCurrent(0);
        using var memory = session.Upload<int>([1, 2, 3]);
        session.Context.GetMemory();
        session.Stream.Synchronize();
        Assert.Equal(0, driver.CtxGetCurrent());
        driver.CtxSetCurrent(session.Context.Handle);
        Assert.Equal([1, 2, 3], session.Download<int>(memory.Pointer, 3));
        Assert.Equal(session.Context.Handle, driver.CtxGetCurrent());
        driver.CtxSetCurrent(0);
    });

    [Fact]
    public void A_borrowed_context_is_used_and_left_alone() => DeviceSession.OnEach(session =>
    {
        using (var borrowed = CudaContext.Borrow(session.Cuda, session.Context.Handle))
        using (var stream = CudaStream.Create(borrowed))
        using (var pool = DeviceMemoryPool.Create(borrowed))
        {
            Assert.Equal(session.Context.Device.Handle, borrowed.Device.Handle);
            using var memory = pool.Allocate(16, stream);
            stream.Upload<int>([4, 5, 6, 7], memory.Pointer);
            Assert.Equal([4, 5, 6, 7], session.Download<int>(memory.Pointer, 4));
        }

        session.Context.Synchronize();
        Assert.Throws<ArgumentException>(() => CudaContext.Borrow(session.Cuda, 0));
    });

    [Fact]
    public void A_context_that_failed_beyond_repair_says_so_from_then_on() => DeviceSession.OnSimulator((session, simulator) =>
    {
        using var memory = session.Upload<int>([1]);
        Assert.False(session.Context.IsLost);
        simulator.FailNext("cuStreamSynchronize", CudaResult.IllegalAddress);
        var first = Assert.Throws<CudaException>(session.Stream.Synchronize);
        Assert.True(session.Context.IsLost);
        var lost = Assert.Throws<ContextLostException>(() => session.Pool.Allocate(16, session.Stream));
        Assert.Same(first, lost.InnerException);
        Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS", lost.Message, StringComparison.Ordinal);
        Assert.Throws<ContextLostException>(session.Context.Synchronize);
    });

    [Fact]
    public void A_failure_that_the_context_survives_does_not_stick() => DeviceSession.OnSimulator((session, simulator) =>
    {
        simulator.FailNext("cuStreamSynchronize", CudaResult.InvalidValue);
        Assert.Throws<CudaException>(session.Stream.Synchronize);
        Assert.False(session.Context.IsLost);
        session.Stream.Synchronize();
    });
}
