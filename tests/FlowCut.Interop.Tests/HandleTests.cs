using System.Runtime.CompilerServices;
using FlowCut.Interop.Tests.Infrastructure;

namespace FlowCut.Interop.Tests;

/// <summary>Ownership: what is made is destroyed once, children before parents, in the right context, on any thread, and never with an exception.</summary>
[Collection(FakeCudaTests.Name)]
public class HandleTests
{
    private readonly DriverApi _driver;

    public HandleTests()
    {
        FakeCuda.Reset();
        _driver = FakeCuda.CreateDriver();
    }

    [Fact]
    public void An_object_is_made_and_destroyed_in_its_context()
    {
        using (var context = _driver.DevicePrimaryCtxRetain(0))
        using (var stream = _driver.StreamCreate(context, StreamFlags.NonBlocking))
        {
            Assert.NotEqual(0, stream.Value);
        }

        string[] expected =
        [
            "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuStreamCreate", "cuCtxPopCurrent_v2",
            "cuCtxPushCurrent_v2", "cuStreamDestroy_v2", "cuCtxPopCurrent_v2", "cuDevicePrimaryCtxRelease_v2",
        ];
        Assert.Equal(expected, FakeCuda.Log);
        Assert.Equal(0, FakeCuda.AliveCount);
    }

    [Fact]
    public void Disposing_twice_destroys_once()
    {
        using var context = _driver.DevicePrimaryCtxRetain(0);
        var stream = _driver.StreamCreate(context, StreamFlags.Default);
        stream.Dispose();
        stream.Dispose();
        Assert.Single(FakeCuda.Log, "cuStreamDestroy_v2");
        Assert.Throws<ObjectDisposedException>(() => stream.Value);
    }

    [Fact]
    public void A_parent_outlives_its_children()
    {
        var context = _driver.DevicePrimaryCtxRetain(0);
        var stream = _driver.StreamCreate(context, StreamFlags.Default);
        var memory = _driver.MemAlloc(context, 16);
        context.Dispose();
        Assert.DoesNotContain("cuDevicePrimaryCtxRelease_v2", FakeCuda.Log);
        Assert.Throws<ObjectDisposedException>(() => _driver.StreamCreate(context, StreamFlags.Default));
        stream.Dispose();
        Assert.DoesNotContain("cuDevicePrimaryCtxRelease_v2", FakeCuda.Log);
        memory.Dispose();
        Assert.Single(FakeCuda.Log, "cuDevicePrimaryCtxRelease_v2");
        Assert.Equal(0, FakeCuda.AliveCount);
    }

    [Fact]
    public void A_forgotten_object_is_released_by_the_finaliser_in_its_context()
    {
        Forget();
        for (var i = 0; i < 20 && FakeCuda.AliveCount > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(0, FakeCuda.AliveCount);
        Assert.Equal("cuDevicePrimaryCtxRelease_v2", FakeCuda.Log[^1]);
    }

    [Theory]
    [InlineData("cuCtxPushCurrent_v2")]
    [InlineData("cuStreamCreate")]
    public void A_failed_creation_leaves_nothing_behind(string entryPoint)
    {
        var context = _driver.DevicePrimaryCtxRetain(0);
        FakeCuda.Fail(entryPoint, CudaResult.OutOfMemory);
        var e = Assert.Throws<CudaException>(() => _driver.StreamCreate(context, StreamFlags.Default));
        Assert.Equal(entryPoint, e.Operation);
        Assert.Equal(CudaResult.OutOfMemory, e.Result);
        context.Dispose();
        Assert.Equal(0, FakeCuda.AliveCount);
    }

    [Fact]
    public void Where_the_context_cannot_be_restored_the_new_object_is_given_up()
    {
        var context = _driver.DevicePrimaryCtxRetain(0);
        FakeCuda.Fail("cuCtxPopCurrent_v2", CudaResult.InvalidContext);
        Assert.Equal("cuCtxPopCurrent_v2", Assert.Throws<CudaException>(() => _driver.StreamCreate(context, StreamFlags.Default)).Operation);
        context.Dispose();
        Assert.Equal(0, FakeCuda.AliveCount);
    }

    [Theory]
    [InlineData("cuCtxPushCurrent_v2")]
    [InlineData("cuStreamDestroy_v2")]
    [InlineData("cuCtxPopCurrent_v2")]
    [InlineData("cuDevicePrimaryCtxRelease_v2")]
    public void A_failed_release_does_not_throw(string entryPoint)
    {
        var context = _driver.DevicePrimaryCtxRetain(0);
        var stream = _driver.StreamCreate(context, StreamFlags.Default);
        FakeCuda.Fail(entryPoint, CudaResult.IllegalAddress);
        stream.Dispose();
        context.Dispose();
        Assert.Single(FakeCuda.Log, "cuDevicePrimaryCtxRelease_v2");
    }

    [Fact]
    public void A_borrowed_context_is_not_released()
    {
        var context = ContextHandle.Borrowed(_driver, 77);
        _driver.StreamCreate(context, StreamFlags.Default).Dispose();
        context.Dispose();
        Assert.DoesNotContain("cuDevicePrimaryCtxRelease_v2", FakeCuda.Log);
    }

    [Fact]
    public void A_context_of_another_driver_is_refused()
    {
        using var context = FakeCuda.CreateDriver().DevicePrimaryCtxRetain(0);
        Assert.Throws<ArgumentException>(() => _driver.StreamCreate(context, StreamFlags.Default));
    }

    [Fact]
    public void A_missing_entry_point_is_reported_by_the_call_that_needs_it()
    {
        var driver = FakeCuda.CreateDriver(missing: "cuStreamQuery");
        Assert.Contains("cuStreamQuery", driver.MissingEntryPoints);
        var e = Assert.Throws<MissingEntryPointException>(() => driver.StreamQuery(0));
        Assert.Equal("cuStreamQuery", e.Operation);
        Assert.Contains("'fake'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unfinished_work_is_an_answer_and_a_failure_an_exception()
    {
        Assert.True(_driver.StreamQuery(0));
        FakeCuda.Fail("cuStreamQuery", CudaResult.NotReady);
        Assert.False(_driver.StreamQuery(0));
        FakeCuda.Fail("cuStreamQuery", CudaResult.IllegalAddress);
        var e = Assert.Throws<CudaException>(() => _driver.StreamQuery(0));
        Assert.True(e.IsContextLost);
        Assert.StartsWith("cuStreamQuery failed: CUDA_ERROR_ILLEGAL_ADDRESS (700): ", e.Message, StringComparison.Ordinal);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Forget() => _driver.StreamCreate(_driver.DevicePrimaryCtxRetain(0), StreamFlags.Default);
}
