using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>
/// Work that was captured once and is launched many times as one unit. Kernels have to be loaded before they are captured, and
/// what the work points to has to stay where it is.
/// </summary>
public sealed class CapturedGraph : IDisposable
{
    [ThreadStatic]
    private static int t_capturing;

    private readonly CudaContext _context;
    private GraphExecHandle _executable;
    private bool _disposed;

    private CapturedGraph(CudaContext context, GraphExecHandle executable, int nodes) => (_context, _executable, Nodes) = (context, executable, nodes);

    /// <summary>Whether this thread is recording: what it enqueues does not run now.</summary>
    public static bool IsRecording => t_capturing > 0;

    /// <summary>Operations in the graph.</summary>
    public int Nodes { get; private set; }

    /// <summary>Records what <paramref name="work"/> enqueues into the stream, without running it. The stream must not be the legacy default stream.</summary>
    /// <exception cref="InvalidOperationException">The work used a kernel that is not loaded yet.</exception>
    /// <exception cref="CudaException">The work did something that cannot be captured, or the driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static CapturedGraph Capture(CudaStream stream, Action<CudaStream> work)
    {
        using var graph = Record(stream, work);
        var nodes = Count(stream.Context, graph);
        return new CapturedGraph(stream.Context, Instantiate(stream.Context, graph), nodes);
    }

    /// <summary>Enqueues the whole graph. Launches of one graph run one after the other.</summary>
    /// <exception cref="CudaException">The driver refuses, or an earlier operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _context.Run((Graph: _executable.Value, stream.Handle), static (driver, s) => driver.GraphLaunch(s.Graph, s.Handle));
    }

    /// <summary>
    /// Replaces the work: cheap if only arguments and sizes of the same operations changed, else the graph is built anew. No
    /// launch of the former work may still be waiting in a queue when it is built anew.
    /// </summary>
    /// <returns>True if the cheap way was possible.</returns>
    /// <exception cref="InvalidOperationException">The work used a kernel that is not loaded yet.</exception>
    /// <exception cref="CudaException">The work did something that cannot be captured, or the driver refuses.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public bool Update(CudaStream stream, Action<CudaStream> work)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var graph = Record(stream, work);
        var update = _context.Run((Executable: _executable.Value, Graph: graph), static (driver, s) => driver.GraphExecUpdate(s.Executable, s.Graph));
        Nodes = Count(_context, graph);
        if (update.Result == GraphExecUpdateResult.Success) return true;
        var former = _executable;
        _executable = Instantiate(_context, graph);
        former.Dispose();
        return false;
    }

    /// <summary>Destroys the graph. A launch that is under way still ends.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _executable.Dispose();
    }

    /// <summary>Loading a kernel during a capture would end the capture with an error that says nothing about the cause.</summary>
    internal static void RequireNotCapturing(string kernel)
    {
        if (t_capturing > 0)
            throw new InvalidOperationException($"The kernel {kernel} is not loaded yet, and loading is not possible during a capture. Run the work once before capturing it, or preload its kernels.");
    }

    internal static void RequireNotCapturing(long bytes)
    {
        if (t_capturing > 0)
            throw new InvalidOperationException($"Memory ({bytes} bytes) cannot be allocated during a capture: the graph would own it. Allocate before capturing.");
    }

    private static GraphHandle Record(CudaStream stream, Action<CudaStream> work)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(work);
        // other threads' work is none of this capture's business
        stream.Context.Run(stream.Handle, static (driver, stream) => driver.StreamBeginCapture(stream, StreamCaptureMode.ThreadLocal));
        t_capturing++;
        try
        {
            work(stream);
            return End(stream);
        }
        catch
        {
            // also where ending it failed: a stream that stays in capture is of no use to anybody
            Abandon(stream);
            throw;
        }
        finally
        {
            t_capturing--;
        }
    }

    private static GraphHandle End(CudaStream stream) =>
        stream.Context.Run((stream.Context.Owner, stream.Handle), static (driver, s) => driver.StreamEndCapture(s.Owner, s.Handle));

    private static void Abandon(CudaStream stream)
    {
        try
        {
            End(stream).Dispose();
        }
        catch (Exception e) when (e is CudaException or ContextLostException)
        {
            // the failed work has invalidated or ended the capture already; its own error is the one to report
        }
    }

    private static GraphExecHandle Instantiate(CudaContext context, GraphHandle graph) =>
        context.Run((context.Owner, Graph: graph), static (driver, s) => driver.GraphInstantiateWithFlags(s.Owner, s.Graph));

    private static int Count(CudaContext context, GraphHandle graph) =>
        context.Run(graph, static (driver, graph) => driver.GraphGetNodeCount(graph));
}
