using FlowCut.Models.Backends.Cpu;

namespace FlowCut.Models.Tests.Backends.Linear;

public class CpuThreadPoolTests
{
    private static readonly int[] s_workers = [1, 2, 3, 5];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(10_000)]
    public void Every_part_runs_exactly_once_and_is_done_on_return(int count)
    {
        foreach (var workers in s_workers)
        {
            using var pool = new CpuThreadPool(workers);
            var times = new int[count];
            for (var repeat = 1; repeat <= 50; repeat++)
            {
                pool.Run(new Job((index, _) => Interlocked.Increment(ref times[index])), count);
                Assert.All(times, t => Assert.Equal(repeat, t));
            }
        }
    }

    /// <summary>Many short runs after each other: a worker that comes late must neither miss a run nor enter the next one's parts.</summary>
    [Fact]
    public void Short_runs_in_a_row_do_not_mix()
    {
        using var pool = new CpuThreadPool(4);
        for (var run = 0; run < 20_000; run++)
        {
            var (sum, parts) = (0L, 2 + run % 5);
            pool.Run(new Job((index, _) => Interlocked.Add(ref sum, index + 1)), parts);
            if (sum != parts * (parts + 1) / 2) Assert.Fail($"run {run} of {parts} parts summed to {sum}");
        }
    }

    [Fact]
    public void A_worker_number_belongs_to_one_thread_at_a_time()
    {
        foreach (var workers in s_workers)
        {
            using var pool = new CpuThreadPool(workers);
            var inside = new int[workers];
            pool.Run(new Job((_, worker) =>
            {
                // scratch memory is chosen by this number, so two threads must never hold the same
                Assert.Equal(1, Interlocked.Increment(ref inside[worker]));
                Thread.SpinWait(200);
                Interlocked.Decrement(ref inside[worker]);
            }), 2000);
        }
    }

    [Fact]
    public void All_workers_take_part()
    {
        using var pool = new CpuThreadPool(3);
        // three parts that wait for each other end only if three threads run them
        using var meeting = new Barrier(3);
        var met = 0;
        pool.Run(new Job((_, _) =>
        {
            if (meeting.SignalAndWait(TimeSpan.FromSeconds(30))) Interlocked.Increment(ref met);
        }), 3);
        Assert.Equal(3, met);
    }

    /// <summary>An exception arrives as what it is, from whichever thread: running out of memory or a cancellation must not turn into something else.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void An_exception_reaches_the_caller_as_it_is_and_the_pool_goes_on(int workers)
    {
        using var pool = new CpuThreadPool(workers);
        foreach (var count in new[] { 1, 2, 100 })
        {
            for (var failing = 0; failing < count; failing += 33)
            {
                var thrown = new InsufficientMemoryException($"part {failing}");
                Assert.Same(thrown, Assert.ThrowsAny<Exception>(() => pool.Run(new Job((index, _) =>
                {
                    if (index == failing) throw thrown;
                }), count)));

                var done = 0;
                pool.Run(new Job((_, _) => Interlocked.Increment(ref done)), 100);
                Assert.Equal(100, done);
            }
        }

        Assert.Throws<OperationCanceledException>(() => pool.Run(new Job((_, _) => throw new OperationCanceledException()), 10));
    }

    [Fact]
    public void No_part_begins_after_a_failure_was_seen()
    {
        using var pool = new CpuThreadPool(2);
        var begun = 0;
        Assert.Throws<FormatException>(() => pool.Run(new Job((_, _) =>
        {
            Interlocked.Increment(ref begun);
            throw new FormatException();
        }), 1_000_000));
        Assert.InRange(begun, 1, 2);
    }

    /// <summary>The parts of an inner run would use the outer one's scratch memory and threads, so it is refused on every thread.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(3, 1)]
    [InlineData(3, 40)]
    public async Task A_run_inside_a_run_is_refused(int workers, int count)
    {
        using var pool = new CpuThreadPool(workers);
        var attempt = Task.Run(() => Assert.Throws<InvalidOperationException>(() =>
            pool.Run(new Job((_, _) => pool.Run(new Job((_, _) => { }), 2)), count)), TestContext.Current.CancellationToken);
        await attempt.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        var done = 0;
        pool.Run(new Job((_, _) => Interlocked.Increment(ref done)), 10);
        Assert.Equal(10, done);
    }

    [Fact]
    public async Task A_second_caller_is_refused_while_the_first_is_in()
    {
        using var pool = new CpuThreadPool(2);
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var first = Task.Run(() => pool.Run(new Job((_, _) =>
        {
            entered.Set();
            leave.Wait(TimeSpan.FromSeconds(30));
        }), 2), TestContext.Current.CancellationToken);
        entered.Wait(TestContext.Current.CancellationToken);
        try
        {
            Assert.Throws<InvalidOperationException>(() => pool.Run(new Job((_, _) => { }), 2));
        }
        finally
        {
            leave.Set();
            await first;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Disposing_ends_the_threads_may_be_repeated_and_ends_use(int workers)
    {
        var pool = new CpuThreadPool(workers);
        var threads = new HashSet<Thread>();
        pool.Run(new Job((_, _) =>
        {
            lock (threads) threads.Add(Thread.CurrentThread);
            Thread.Sleep(1);
        }), 100);
        pool.Dispose();
        pool.Dispose();
        Assert.All(threads.Where(t => t != Thread.CurrentThread), t => Assert.False(t.IsAlive));
        Assert.Throws<ObjectDisposedException>(() => pool.Run(new Job((_, _) => { }), 5));
        Assert.Throws<ObjectDisposedException>(() => pool.Run(new Job((_, _) => { }), 1));
    }

    [Fact]
    public unsafe void Scratch_memory_grows_is_aligned_and_is_reused()
    {
        using var scratch = new CpuScratch();
        var small = (byte*)scratch.Rent(100);
        Assert.Equal(0, (nint)small % 64);
        Assert.True(small == scratch.Rent(64));
        var large = (byte*)scratch.Rent(1 << 20);
        Assert.Equal(0, (nint)large % 64);
        new Span<byte>(large, 1 << 20).Fill(1);
        Assert.True(large == scratch.Rent(100));
        scratch.Dispose();
        scratch.Dispose();
        using var pool = new CpuThreadPool(3);
        Assert.Equal(3, CpuScratch.ForWorkers(pool).Distinct().Count());
    }

    private sealed class Job(Action<int, int> part) : IParallelJob
    {
        public void Run(int index, int worker) => part(index, worker);
    }
}
