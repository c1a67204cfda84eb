using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Work as a CUDA graph. The first run queues it piece by piece, which loads its kernels and allocates what it keeps; the second
/// records it, and from then on one launch stands for all of its kernels.
/// </summary>
internal sealed class CudaRepeatedWork(CudaStream stream, Action<CancellationToken> work) : RepeatedWork
{
    private CapturedGraph? _graph;
    private bool _hasRun, _disposed;

    public override int RecordedOperations => _graph?.Nodes ?? 0;

    public override void Run(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_hasRun)
        {
            work(cancellation);
            _hasRun = true;
            return;
        }

        cancellation.ThrowIfCancellationRequested();
        _graph ??= Record(cancellation);
        _graph.Launch(stream);
    }

    private CapturedGraph Record(CancellationToken cancellation) => CapturedGraph.Capture(stream, _ => work(cancellation));

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _graph?.Dispose();
    }
}
