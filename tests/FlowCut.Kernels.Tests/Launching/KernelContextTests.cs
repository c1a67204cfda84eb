using FlowCut.Interop;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Launching;

[Collection(DeviceCollection.Name)]
public class KernelContextTests
{
    private const int Rows = 3;
    private const int Columns = 64;

    /// <summary>One norm of ones by a weight of twos: two everywhere.</summary>
    private static (DeviceMatrix X, DeviceMatrix Weight, DeviceMatrix Y) Operands(DeviceSession session, out DeviceMemory memory)
    {
        memory = session.Upload<float>([.. Enumerable.Repeat(1f, Rows * Columns), .. Enumerable.Repeat(2f, Columns), .. Enumerable.Repeat(0f, Rows * Columns)]);
        return (
            memory.Matrix(ElementType.Float32, Rows, Columns),
            memory.Matrix(ElementType.Float32, 1, Columns, Rows * Columns * 4),
            memory.Matrix(ElementType.Float32, Rows, Columns, (Rows + 1) * Columns * 4));
    }

    private static void Norm(DeviceSession session, KernelContext kernels, CudaStream stream, in (DeviceMatrix X, DeviceMatrix Weight, DeviceMatrix Y) o) =>
        RmsNorm.Launch(kernels, o.X, o.Weight, o.Y, 0, stream);

    private static void AssertTwos(DeviceSession session, DeviceMatrix y) =>
        Assert.All(session.Download<float>(y.Pointer, Rows * Columns), v => Assert.Equal(2, v, 1e-6));

    [Fact]
    public void A_kernel_is_compiled_once_and_found_in_the_cache_by_the_next_context() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        Norm(session, session.Kernels, session.Stream, operands);
        Norm(session, session.Kernels, session.Stream, operands);
        Assert.Equal(1, session.Kernels.Compiled);
        AssertTwos(session, operands.Y);
        using var again = new KernelContext(session.Context, session.Kernels.Cache);
        Norm(session, again, session.Stream, operands);
        Assert.Equal(0, again.Compiled);
        session.Stream.Synchronize();
    });

    [Fact]
    public void A_damaged_entry_is_compiled_anew_and_replaced() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        Norm(session, session.Kernels, session.Stream, operands);
        var file = Assert.Single(Directory.GetFiles(session.Kernels.Cache.Folder!, "*.cubin"));
        var image = File.ReadAllBytes(file);
        File.WriteAllBytes(file, image[..^100]);
        using (var again = new KernelContext(session.Context, session.Kernels.Cache))
        {
            Norm(session, again, session.Stream, operands);
            session.Stream.Synchronize();
            Assert.Equal(1, again.Compiled);
        }

        Assert.Equal(image.Length, new FileInfo(file).Length);
    });

    [Fact]
    public void An_entry_that_is_whole_but_foreign_to_the_driver_is_compiled_anew() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        Norm(session, session.Kernels, session.Stream, operands);
        var key = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(session.Kernels.Cache.Folder!, "*.cubin")));
        session.Kernels.Cache.Write(key, ".cubin", new byte[1000], "foreign", "sm_90a", "nvrtc");
        using var again = new KernelContext(session.Context, session.Kernels.Cache);
        Norm(session, again, session.Stream, operands);
        Assert.Equal(1, again.Compiled);
        AssertTwos(session, operands.Y);
    });

    [Fact]
    public void Threads_that_ask_at_once_share_one_compilation() => DeviceSession.OnEach(session =>
    {
        var variant = RmsNorm.Variants.First();
        var loaded = new LoadedKernel[8];
        Parallel.For(0, loaded.Length, i => loaded[i] = session.Kernels.Load(variant));
        Assert.All(loaded, kernel => Assert.Same(loaded[0], kernel));
        Assert.Equal(1, session.Kernels.Compiled);
    });

    [Fact]
    public void A_failure_is_not_kept() => DeviceSession.OnSimulator((session, simulator) =>
    {
        var variant = RmsNorm.Variants.First();
        simulator.FailNext("cuModuleLoadData", CudaResult.OutOfMemory);
        Assert.Equal(CudaResult.OutOfMemory, Assert.Throws<CudaException>(() => session.Kernels.Load(variant)).Result);
        simulator.FailNext("nvrtcCreateProgram", (CudaResult)NvrtcResult.OutOfMemory);
        Assert.Equal("fc_rms_norm", session.Kernels.Load(variant).Entry);
        simulator.Withdraw("nvrtcCreateProgram");
    });

    [Fact]
    public void A_launch_in_steady_state_allocates_nothing() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        for (var i = 0; i < 3; i++) Norm(session, session.Kernels, session.Stream, operands);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++) Norm(session, session.Kernels, session.Stream, operands);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        session.Stream.Synchronize();
    });

    [Fact]
    public void Impossible_launches_are_refused_before_the_driver_is_asked() => DeviceSession.OnEach(session =>
    {
        var kernel = session.Kernels.Load(RmsNorm.Variants.First());
        var args = default(RmsNormArgs);
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.Launch(args, new GridSize(0), 32, session.Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.Launch(args, new GridSize(1, 70_000), 32, session.Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.Launch(args, new GridSize(1), 2048, session.Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.Launch(args, new GridSize(1), 0, session.Stream));
    });

    [Fact]
    public void A_launch_that_the_driver_refuses_names_the_kernel() => DeviceSession.OnSimulator((session, simulator) =>
    {
        var kernel = session.Kernels.Load(RmsNorm.Variants.First());
        simulator.FailNext("cuLaunchKernel", CudaResult.LaunchOutOfResources);
        var e = Assert.Throws<CudaException>(() => kernel.Launch(default(RmsNormArgs), new GridSize(1), 32, session.Stream));
        Assert.Equal("fc_rms_norm", e.Data["kernel"]);
    });

    [Fact]
    public void More_shared_memory_than_the_device_has_is_refused_by_name() => DeviceSession.OnEach(session =>
    {
        var e = Assert.Throws<DeviceNotSupportedException>(() => session.Kernels.Load(new Greedy(1 << 20)));
        Assert.Contains("fc_rms_norm needs 1048576 bytes", e.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void The_limit_of_shared_memory_is_raised_where_a_plan_asks_for_more() => DeviceSession.OnEach(session =>
    {
        var driver = session.Cuda.Driver;
        session.Kernels.Load(new Greedy(90_000)).Launch(default(RmsNormArgs), new GridSize(1), 32, session.Stream);
        session.Stream.Synchronize();
        Assert.Equal(0, driver.CtxGetCurrent());
    });

    [Fact]
    public void Loading_while_capturing_says_what_to_do() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        var e = Assert.Throws<InvalidOperationException>(() => CapturedGraph.Capture(session.Stream, s => Norm(session, session.Kernels, s, operands)));
        Assert.Contains("fc_rms_norm is not loaded yet", e.Message, StringComparison.Ordinal);
        Assert.Contains("capture", Assert.Throws<InvalidOperationException>(() => CapturedGraph.Capture(session.Stream, s => session.Pool.Allocate(64, s))).Message, StringComparison.Ordinal);
        // the capture was ended: the stream works
        Norm(session, session.Kernels, session.Stream, operands);
        AssertTwos(session, operands.Y);
    });

    [Fact]
    public void Graphs_replay_and_take_new_work() => DeviceSession.OnEach(session =>
    {
        var operands = Operands(session, out var memory);
        using var _ = memory;
        session.Kernels.Preload([RmsNorm.Plan(operands.X, default, operands.Weight, operands.Y)]);
        using var graph = CapturedGraph.Capture(session.Stream, s => Norm(session, session.Kernels, s, operands));
        Assert.Equal(1, graph.Nodes);
        session.Stream.Synchronize();
        Assert.All(session.Download<float>(operands.Y.Pointer, Rows * Columns), v => Assert.Equal(0, v));
        graph.Launch(session.Stream);
        AssertTwos(session, operands.Y);

        // the same operation with other sizes: cheap
        session.Stream.EnqueueFill(operands.Y.Pointer, 0, operands.Y.Bytes);
        Assert.True(graph.Update(session.Stream, s => Norm(session, session.Kernels, s, (operands.X.SliceRows(0, 2), operands.Weight, operands.Y.SliceRows(0, 2)))));
        graph.Launch(session.Stream);
        var values = session.Download<float>(operands.Y.Pointer, Rows * Columns);
        Assert.Equal((2, 0), (values[2 * Columns - 1], values[2 * Columns]));

        // other operations: built anew
        Assert.False(graph.Update(session.Stream, s =>
        {
            s.EnqueueFill(operands.Y.Pointer, 0, operands.Y.Bytes);
            Norm(session, session.Kernels, s, operands);
        }));
        Assert.Equal(2, graph.Nodes);
        graph.Launch(session.Stream);
        AssertTwos(session, operands.Y);
    });

    [Fact]
    public void The_work_inside_a_capture_may_fail() => DeviceSession.OnEach(session =>
    {
        Assert.Throws<FormatException>(() => CapturedGraph.Capture(session.Stream, _ => throw new FormatException()));
        session.Stream.Synchronize();
        using var empty = CapturedGraph.Capture(session.Stream, _ => { });
        Assert.Equal(0, empty.Nodes);
        empty.Launch(session.Stream);
        session.Stream.Synchronize();
    });

    /// <summary>A norm that asks for more shared memory than it needs.</summary>
    private readonly record struct Greedy(int SharedBytes) : IKernelVariant<Greedy>
    {
        private static NormVariant Norm => RmsNorm.Variants.First();

        public string Source => Norm.Source;

        public string Entry => Norm.Entry;

        public string ConfigName => Norm.ConfigName;

        public void WriteConfig(ConfigWriter config) => Norm.WriteConfig(config);
    }
}
