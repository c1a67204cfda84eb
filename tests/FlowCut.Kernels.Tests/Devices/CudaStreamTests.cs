using FlowCut.Interop;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Devices;

[Collection(DeviceCollection.Name)]
public class CudaStreamTests
{
    [Fact]
    public void Copies_run_in_order_and_across_streams_by_events() => DeviceSession.OnEach(session =>
    {
        var values = Enumerable.Range(0, 100_000).ToArray();
        using var a = session.Upload<int>(values);
        using var b = session.Pool.Allocate(a.Bytes, session.Stream);
        using var c = session.Pool.Allocate(a.Bytes, session.Stream);
        using var other = CudaStream.Create(session.Context);
        using var ready = CudaEvent.Create(session.Context);
        Assert.True(ready.IsReached());
        session.Stream.EnqueueFill(b.Pointer, 0xff, b.Bytes);
        session.Stream.EnqueueCopy(a.Pointer, b.Pointer, a.Bytes);
        ready.Record(session.Stream);
        other.Wait(ready);
        other.EnqueueCopy(b.Pointer, c.Pointer, b.Bytes);
        ready.Record(other);
        ready.Synchronize();
        Assert.True(other.IsIdle());
        Assert.Equal(values, session.Download<int>(c.Pointer, values.Length));
    });

    [Fact]
    public void Pinned_memory_is_copied_without_waiting_and_seen_by_the_device() => DeviceSession.OnEach(session =>
    {
        using var pinned = PinnedMemory.Allocate(session.Context, 4096);
        using var memory = session.Pool.Allocate(4096, session.Stream);
        pinned.Span<int>().Fill(7);
        session.Stream.EnqueueUpload(pinned.HostPointer, memory.Pointer, 4096);
        session.Stream.Synchronize();
        pinned.Span<int>().Clear();
        session.Stream.EnqueueDownload(memory.Pointer, pinned.HostPointer, 4096);
        session.Stream.Synchronize();
        Assert.All(pinned.Span<int>().ToArray(), v => Assert.Equal(7, v));
        Assert.NotEqual(0, pinned.DevicePointer);
        session.Stream.EnqueueFill(pinned.DevicePointer, 1, 4);
        session.Stream.Synchronize();
        Assert.Equal(0x01010101, pinned.Span<int>()[0]);
    });

    [Fact]
    public void A_borrowed_stream_works_and_is_left_alone() => DeviceSession.OnEach(session =>
    {
        using var memory = session.Upload<int>([1, 2]);
        using (var borrowed = CudaStream.Borrow(session.Context, session.Stream.Handle))
        {
            borrowed.Upload<int>([3, 4], memory.Pointer);
        }

        session.Stream.Synchronize();
        Assert.Equal([3, 4], session.Download<int>(memory.Pointer, 2));
        using var legacy = CudaStream.Borrow(session.Context, 0);
        legacy.Upload<int>([5, 6], memory.Pointer);
        Assert.Equal([5, 6], session.Download<int>(memory.Pointer, 2));
    });

    [Fact]
    public void Events_with_timing_measure_and_others_refuse() => DeviceSession.OnEach(session =>
    {
        using var start = CudaEvent.Create(session.Context, timing: true);
        using var end = CudaEvent.Create(session.Context, timing: true);
        using var plain = CudaEvent.Create(session.Context);
        start.Record(session.Stream);
        end.Record(session.Stream);
        end.Synchronize();
        Assert.InRange(end.MillisecondsSince(start), 0, 60_000);
        Assert.Throws<InvalidOperationException>(() => plain.MillisecondsSince(start));
    });

    [Fact]
    public void Copies_that_make_no_sense_are_refused_before_any_call() => DeviceSession.OnEach(session =>
    {
        var stream = session.Stream;
        stream.EnqueueCopy(0, 0, 0);
        Assert.Throws<ArgumentException>(() => stream.EnqueueCopy(0, 0x1000, 4));
        Assert.Throws<ArgumentException>(() => stream.EnqueueCopy(0x1000, 0, 4));
        Assert.Throws<ArgumentException>(() => stream.EnqueueCopy(0x1000, 0x1002, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.EnqueueFill(0x1000, 0, -1));
        stream.Synchronize();
    });

    [Fact]
    public void What_is_disposed_of_refuses_and_may_be_disposed_of_again() => DeviceSession.OnEach(session =>
    {
        var stream = CudaStream.Create(session.Context);
        stream.Dispose();
        stream.Dispose();
        Assert.Throws<ObjectDisposedException>(stream.Synchronize);
    });

    [Theory]
    [InlineData("cuStreamCreate")]
    [InlineData("cuEventCreate")]
    [InlineData("cuMemHostAlloc")]
    [InlineData("cuMemHostGetDevicePointer_v2")]
    [InlineData("cuMemPoolCreate")]
    [InlineData("cuMemPoolSetAttribute")]
    public void A_creation_that_fails_is_an_exception_and_leaves_the_context_usable(string entry) => DeviceSession.OnSimulator((session, simulator) =>
    {
        simulator.FailNext(entry, CudaResult.Unknown);
        var e = Assert.Throws<CudaException>(() =>
        {
            using var stream = CudaStream.Create(session.Context);
            using var marker = CudaEvent.Create(session.Context);
            using var pinned = PinnedMemory.Allocate(session.Context, 64);
            using var pool = DeviceMemoryPool.Create(session.Context);
        });
        Assert.StartsWith(e.Operation, entry, StringComparison.Ordinal);
        using var again = session.Upload<int>([1]);
    });
}
