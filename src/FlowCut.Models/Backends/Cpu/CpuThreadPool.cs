using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Work that a pool splits into numbered parts. Implementations are reused between runs, so that steady state allocates nothing.</summary>
internal interface IParallelJob
{
    /// <summary>Does part <paramref name="index"/>. <paramref name="worker"/> (0 … Workers − 1) names the calling thread, for per-thread scratch.</summary>
    void Run(int index, int worker);
}

/// <summary>
/// The CPU backend's threads. Own code because Parallel.For allocates on every call and wakes slowly between the
/// many short steps of a decoder layer: here a thread looks out for the next run for a moment before it sleeps.
/// </summary>
internal sealed class CpuThreadPool : IDisposable
{
    private readonly Thread[] _threads;
    /// <summary>How long a thread looks out before it sleeps: longer than the gap between two steps, shorter than anyone notices.</summary>
    private static readonly long s_patience = Stopwatch.Frequency / 20_000;

    private readonly object _started = new(), _finished = new();
    private IParallelJob? _job;
    private int _count, _next, _inUse;
    private volatile int _run, _running;
    private volatile bool _stop;
    private volatile Exception? _failure;

    public CpuThreadPool(int workers)
    {
        Workers = workers;
        _threads = new Thread[workers - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"flowcut-{worker}" };
            _threads[i].Start();
        }
    }

    public int Workers { get; }

    /// <summary>Runs parts 0 … count − 1 on all threads, the caller's included; returns when all are done. An exception of a part ends the run and arrives as it is.</summary>
    /// <exception cref="InvalidOperationException">A run is in progress: a job may not start another, nor may a second thread.</exception>
    /// <exception cref="ObjectDisposedException">The pool has been disposed.</exception>
    public void Run(IParallelJob job, int count)
    {
        ObjectDisposedException.ThrowIf(_stop, this);
        if (count <= 0) return;
        if (Interlocked.Exchange(ref _inUse, 1) != 0)
            throw new InvalidOperationException("A CPU backend computes one operation at a time; give each of two concurrent callers its own backend.");
        try
        {
            if (_threads.Length == 0 || count == 1)
            {
                for (var i = 0; i < count; i++) job.Run(i, 0);
            }
            else
            {
                RunOnAll(job, count);
            }
        }
        finally
        {
            Volatile.Write(ref _inUse, 0);
        }
    }

    private void RunOnAll(IParallelJob job, int count)
    {
        _job = job;
        _count = count;
        _next = 0;
        _failure = null;
        _running = _threads.Length;
        Begin();
        Drain(job, 0);
        AwaitEnd();
        _job = null;
        if (_failure is { } failure) ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Sets every thread going once.</summary>
    private void Begin()
    {
        lock (_started)
        {
            _run++;
            Monitor.PulseAll(_started);
        }
    }

    private void Work(int worker)
    {
        for (var run = 1; ; run++)
        {
            AwaitStart(run);
            if (_stop) return;
            Drain(_job!, worker);
            if (Interlocked.Decrement(ref _running) > 0) continue;
            lock (_finished) Monitor.PulseAll(_finished);
        }
    }

    private void AwaitStart(int run)
    {
        for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetTimestamp() - start < s_patience; Thread.SpinWait(8))
        {
            if (_run == run) return;
        }

        lock (_started)
        {
            while (_run != run) Monitor.Wait(_started);
        }
    }

    private void AwaitEnd()
    {
        for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetTimestamp() - start < s_patience; Thread.SpinWait(8))
        {
            if (_running == 0) return;
        }

        lock (_finished)
        {
            while (_running != 0) Monitor.Wait(_finished);
        }
    }

    private void Drain(IParallelJob job, int worker)
    {
        try
        {
            int index;
            while ((index = Interlocked.Increment(ref _next) - 1) < _count) job.Run(index, worker);
        }
        catch (Exception e)
        {
            _failure = e;
            Volatile.Write(ref _next, _count);
        }
    }

    public void Dispose()
    {
        if (_stop) return;
        _stop = true;
        Begin();
        foreach (var thread in _threads) thread.Join();
    }
}
