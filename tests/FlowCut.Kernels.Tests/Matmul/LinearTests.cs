using FlowCut.Interop;
using FlowCut.Kernels.Matmul;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Matmul;

/// <summary>y = x·Wᵀ + bias + residual against sums in double precision.</summary>
[Collection(DeviceCollection.Name)]
public class LinearTests
{
    public static TheoryData<int, int, int, ElementType, ElementType, bool, bool> Cases
    {
        get
        {
            var cases = new TheoryData<int, int, int, ElementType, ElementType, bool, bool>();
            foreach (var (rows, columns, depth) in new[] { (1, 1, 1), (1, 64, 96), (15, 16, 17), (16, 32, 64), (65, 48, 80), (130, 24, 200) })
            {
                cases.Add(rows, columns, depth, ElementType.Float32, ElementType.Float32, true, true);
                cases.Add(rows, columns, depth, ElementType.Float16, ElementType.Float32, true, false);
                cases.Add(rows, columns, depth, ElementType.Float16, ElementType.Float16, false, true);
                cases.Add(rows, columns, depth, ElementType.BFloat16, ElementType.BFloat16, true, true);
                cases.Add(rows, columns, depth, ElementType.BFloat16, ElementType.Float32, false, true);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_is_the_sum_of_products(int rows, int columns, int depth, ElementType input, ElementType output, bool hasBias, bool hasResidual)
    {
        var random = new Random(rows * 1000 + depth);
        float[] Values(int count, ElementType type) => [.. Enumerable.Range(0, count).Select(_ => Stored((float)(random.NextDouble() - 0.5), type))];
        float[] x = Values(rows * depth, input), w = Values(columns * depth, input), b = Values(columns, output), r = Values(rows * columns, output);
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var layout = depth % 8 == 0 ? Layout.Strided : Layout.Dense;
            var y = bench.Matrix(null, rows, columns, output, layout);
            Linear.Launch(
                device.Kernels, bench.Matrix(x, rows, depth, input, layout), bench.Matrix(w, columns, depth, input, layout),
                hasBias ? bench.Matrix(b, 1, columns, output) : null, hasResidual ? bench.Matrix(r, rows, columns, output) : null, y, device.Stream);
            bench.Finish($"linear {rows}×{columns}×{depth} on the {device.Name}");
            var values = bench.Read(y);
            for (var i = 0; i < values.Length; i++)
            {
                double sum = (hasBias ? b[i % columns] : 0) + (hasResidual ? r[i] : 0);
                for (var k = 0; k < depth; k++) sum += (double)x[i / columns * depth + k] * w[i % columns * depth + k];
                var allowed = 1e-5 + Math.Abs(sum) * (output switch { ElementType.Float16 => 1e-3, ElementType.BFloat16 => 8e-3, _ => 1e-5 });
                Assert.True(Math.Abs(values[i] - sum) <= allowed, $"{device.Name}: element {i} is {values[i]}, expected {sum}, {Math.Abs(values[i] - sum) / allowed:P0} of what is allowed");
            }
        }
    }

    /// <summary>What is left of a value in a type.</summary>
    private static float Stored(float value, ElementType type) => type == ElementType.Float32 ? value : Numbers.FromBits16(Numbers.Bits16(value, type), type);

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
