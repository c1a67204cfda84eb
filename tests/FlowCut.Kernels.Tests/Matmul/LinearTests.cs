using FlowCut.Interop;
using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Matmul;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Matmul;

/// <summary>y = x·Wᵀ + bias + residual against sums in double precision.</summary>
[Collection(DeviceCollection.Name)]
public class LinearTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => LinearTable.Cases.CheckOnEachDevice();

    [Fact]
    public void A_residual_may_be_added_in_place() => DeviceSession.OnEach(session =>
    {
        using var memory = session.Upload<float>([1, 2, 3, 4, 10, 20, 30, 40]);
        var (x, y) = (memory.Matrix(ElementType.Float32, 2, 2), memory.Matrix(ElementType.Float32, 2, 2, 16));
        using var identity = session.Upload<float>([1, 0, 0, 1]);
        Linear.Launch(session.Kernels, x, identity.Matrix(ElementType.Float32, 2, 2), null, y, y, session.Stream);
        Assert.Equal([11, 22, 33, 44], session.Download<float>(y.Pointer, 4));
    });

    [Fact]
    public void Nothing_is_done_for_no_rows() => DeviceSession.OnEach(session =>
    {
        using var w = session.Upload<float>([1, 0, 0, 1]);
        Linear.Launch(session.Kernels, new DeviceMatrix(0, ElementType.Float32, 0, 2), w.Matrix(ElementType.Float32, 2, 2), null, null, new DeviceMatrix(0, ElementType.Float32, 0, 2), session.Stream);
    });

    [Fact]
    public void It_can_be_captured_and_allocates_nothing_once_it_is_known() => DeviceSession.OnEach(session =>
    {
        using var memory = session.Upload<float>([1, 2, 3, 4, 0, 0, 0, 0]);
        using var identity = session.Upload<float>([0, 1, 1, 0]);
        var (x, w, y) = (memory.Matrix(ElementType.Float32, 2, 2), identity.Matrix(ElementType.Float32, 2, 2), memory.Matrix(ElementType.Float32, 2, 2, 16));
        for (var i = 0; i < 3; i++) Linear.Launch(session.Kernels, x, w, null, null, y, session.Stream);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++) Linear.Launch(session.Kernels, x, w, null, null, y, session.Stream);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        session.Stream.EnqueueFill(y.Pointer, 0, 16);
        using var graph = CapturedGraph.Capture(session.Stream, s => Linear.Launch(session.Kernels, x, w, null, null, y, s));
        graph.Launch(session.Stream);
        Assert.Equal([2, 1, 4, 3], session.Download<float>(y.Pointer, 4));
    });

    [Fact]
    public void What_does_not_fit_is_refused_before_any_call() => DeviceSession.OnEach(session =>
    {
        static DeviceMatrix M(nint pointer, int rows, int columns, ElementType type = ElementType.Float16) => new(pointer, type, rows, columns);
        void Refused(DeviceMatrix x, DeviceMatrix w, DeviceMatrix? b, DeviceMatrix? r, DeviceMatrix y) =>
            Assert.ThrowsAny<ArgumentException>(() => Linear.Launch(session.Kernels, x, w, b, r, y, session.Stream));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 9), null, null, M(0x3000, 4, 16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8, ElementType.BFloat16), null, null, M(0x3000, 4, 16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), null, null, M(0x3000, 4, 15));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), null, null, M(0x3000, 4, 16, ElementType.BFloat16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), M(0x4000, 1, 15), null, M(0x3000, 4, 16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), M(0x4000, 1, 16, ElementType.Float32), null, M(0x3000, 4, 16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), null, M(0x3002, 4, 16), M(0x3000, 4, 16));
        Refused(M(0x1000, 4, 8), M(0x2000, 16, 8), null, null, M(0x1010, 4, 16));
        Refused(M(0x1000, 4, 0), M(0x2000, 16, 0), null, null, M(0x3000, 4, 16));
    });

    [Theory]
    [InlineData("cublasLtCreate")]
    [InlineData("cublasLtMatmulDescCreate")]
    [InlineData("cublasLtMatmulAlgoGetHeuristic")]
    [InlineData("cublasLtMatmul")]
    public void A_failing_call_is_an_exception_and_the_next_product_works(string entry) => DeviceSession.OnSimulator((session, simulator) =>
    {
        using var memory = session.Upload<float>([1, 2, 3, 4, 0, 0, 0, 0]);
        using var identity = session.Upload<float>([1, 0, 0, 1]);
        void Run() => Linear.Launch(session.Kernels, memory.Matrix(ElementType.Float32, 2, 2), identity.Matrix(ElementType.Float32, 2, 2), null, null, memory.Matrix(ElementType.Float32, 2, 2, 16), session.Stream);
        simulator.FailNext(entry, (CudaResult)CublasStatus.InternalError);
        Assert.Equal(CublasStatus.InternalError, Assert.Throws<CublasException>(Run).Status);
        Run();
        Assert.Equal([1, 2, 3, 4], session.Download<float>(memory.Pointer + 16, 4));
    });
}
