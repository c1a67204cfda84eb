using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Backends;

public class RepeatedWorkTests
{
    public static TheoryData<string> Devices => ["cpu", TestDevices.Simulator, TestDevices.Gpu];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Each_run_works_on_what_the_tensors_hold_then(string device)
    {
        using var backend = Open(device);
        var (x, y) = (backend.Allocate(1, 4, Precision.Single), backend.Allocate(1, 4, Precision.Single));
        using var work = backend.Repeat(_ => backend.Copy(x, y));
        for (var run = 1; run <= 4; run++)
        {
            backend.Upload([run, 2 * run, 3, 4], x);
            work.Run(TestContext.Current.CancellationToken);
            var values = new float[4];
            backend.Download(y, values);
            Assert.Equal([run, 2 * run, 3, 4], values);
            Assert.Equal(device == "cpu" || run == 1 ? 0 : 1, work.RecordedOperations);
        }

        x.Buffer.Dispose();
        y.Buffer.Dispose();
    }

    /// <summary>A record would repeat the copy from wherever the values lay, whatever lies there later.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Host_values_and_new_memory_are_refused_in_recorded_work(string device)
    {
        using var backend = Open(device);
        var x = backend.Allocate(1, 4, Precision.Single);
        Action<CancellationToken>[] wrong = [_ => backend.Upload([1, 2, 3, 4], x), _ => backend.Allocate(1, 4, Precision.Single).Buffer.Dispose()];
        foreach (var action in wrong)
        {
            using var work = backend.Repeat(action);
            work.Run(TestContext.Current.CancellationToken);
            Assert.Throws<InvalidOperationException>(() => work.Run(TestContext.Current.CancellationToken));
            Assert.Equal(0, work.RecordedOperations);
        }

        // the stream is out of the recording, and goes on
        backend.Upload([5, 6, 7, 8], x);
        var values = new float[4];
        backend.Download(x, values);
        Assert.Equal([5, 6, 7, 8], values);
        x.Buffer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_cancelled_run_can_be_repeated(string device)
    {
        using var backend = Open(device);
        var (x, y) = (backend.Allocate(1, 4, Precision.Single), backend.Allocate(1, 4, Precision.Single));
        using var work = backend.Repeat(cancellation =>
        {
            cancellation.ThrowIfCancellationRequested();
            backend.Copy(x, y);
        });
        var cancelled = new CancellationToken(canceled: true);
        for (var run = 1; run <= 2; run++)
        {
            Assert.Throws<OperationCanceledException>(() => work.Run(cancelled));
            backend.Upload([run, 0, 0, 0], x);
            work.Run(TestContext.Current.CancellationToken);
            var values = new float[4];
            backend.Download(y, values);
            Assert.Equal(run, values[0]);
        }

        x.Buffer.Dispose();
        y.Buffer.Dispose();
    }

    private static Backend Open(string device) =>
        device == "cpu" ? new CpuBackend(1) : CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
}
