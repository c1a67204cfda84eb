using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Tuning;

public class MeasuredChoiceTests
{
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void The_faster_way_is_chosen_and_remembered(string device)
    {
        using var folder = new TemporaryFolder();
        int slow = 0, fast = 0;
        using (var session = new Session(device, folder.Path))
        {
            Assert.Equal(1, session.Choose("work", () => Thread.Sleep(++slow > 0 ? 5 : 0), () => fast++));
            Assert.True(slow > 3 && slow == fast, $"{slow} and {fast} runs");
        }

        // another process on the same device
        using var later = new Session(device, folder.Path);
        (slow, fast) = (0, 0);
        Assert.Equal(1, later.Choose("work", () => slow++, () => Thread.Sleep(++fast)));
        Assert.Equal((0, 0), (slow, fast));
        // other work, and another number of ways, are other choices
        Assert.Equal(0, later.Choose("other work", () => slow++, () => Thread.Sleep(5)));
        Assert.Equal(2, later.Choose("work", () => Thread.Sleep(5), () => Thread.Sleep(5), () => { }));
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_damaged_note_is_measured_again(string device)
    {
        using var folder = new TemporaryFolder();
        using var session = new Session(device, folder.Path);
        Assert.Equal(1, session.Choose("work", () => Thread.Sleep(5), () => { }));
        foreach (var file in Directory.GetFiles(folder.Path, "*.choice")) File.WriteAllBytes(file, [200]);
        Assert.Equal(0, session.Choose("work", () => { }, () => Thread.Sleep(5)));
    }

    [Fact]
    public void A_simulator_has_no_speed_to_measure()
    {
        using var folder = new TemporaryFolder();
        using var session = new Session(TestDevices.Simulator, folder.Path);
        var runs = 0;
        Assert.Equal(0, MeasuredChoice.Fastest(session.Kernels, "work", [() => runs++, () => runs++], session.Stream));
        Assert.Equal(0, runs);
        Assert.Throws<ArgumentException>(() => MeasuredChoice.Fastest(session.Kernels, "work", [], session.Stream));
    }

    private sealed class Session : IDisposable
    {
        private readonly CudaContext _context;

        public Session(string device, string folder)
        {
            _context = CudaDevice.Open(TestDevices.Require(device), 0).RetainPrimaryContext();
            Stream = CudaStream.Create(_context);
            Kernels = new KernelContext(_context, new KernelCache(folder));
        }

        public KernelContext Kernels { get; }

        public CudaStream Stream { get; }

        public int Choose(string what, params Action[] ways) => MeasuredChoice.Remembered(Kernels, what, ways, Stream);

        public void Dispose()
        {
            Kernels.Dispose();
            Stream.Dispose();
            _context.Dispose();
        }
    }
}
