using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>
/// A driver context: the device's primary one, retained, or one that somebody else owns. Every call of this library makes its
/// context current for itself and restores what was current before, so callers need not care which context that is.
/// Usable from any thread.
/// </summary>
public sealed class CudaContext : IDisposable
{
    private readonly bool _retained;
    private CudaException? _lost;
    private long _launches;
    private bool _disposed;

    private CudaContext(CudaDevice device, ContextHandle owner, bool retained)
    {
        (Device, Owner, _retained) = (device, owner, retained);
        Driver = device.Cuda.Driver;
        Handle = owner.Value;
    }

    /// <summary>The device it belongs to.</summary>
    public CudaDevice Device { get; }

    /// <summary>The native libraries through which it is reached.</summary>
    public NativeCuda Cuda => Device.Cuda;

    /// <summary>The driver's CUcontext.</summary>
    public nint Handle { get; }

    /// <summary>
    /// True once an operation has failed in a way that no later call on this context can survive (an illegal address, a failed
    /// launch…). Everything then throws <see cref="ContextLostException"/>; only a new process gets the device back in order.
    /// </summary>
    public bool IsLost => Volatile.Read(ref _lost) is not null;

    /// <summary>Kernels that were launched through this object one by one, also into a recording. What a repeated graph launches is not among them.</summary>
    public long Launches => Interlocked.Read(ref _launches);

    internal DriverApi Driver { get; }

    /// <summary>What streams, modules and memory made in the context hold on to.</summary>
    internal ContextHandle Owner { get; }

    internal void CountLaunch() => Interlocked.Increment(ref _launches);

    /// <summary>A context that somebody else owns and keeps alive. The current context is not touched.</summary>
    /// <param name="cuda">The libraries of the same driver.</param>
    /// <param name="context">The CUcontext.</param>
    /// <exception cref="ArgumentException">The pointer is null.</exception>
    /// <exception cref="CudaException">It is no live context.</exception>
    public static CudaContext Borrow(NativeCuda cuda, nint context)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        if (context == 0) throw new ArgumentException("A null pointer is no CUDA context.", nameof(context));
        int handle;
        cuda.Driver.CtxPushCurrent(context);
        try
        {
            handle = cuda.Driver.CtxGetDevice();
        }
        finally
        {
            cuda.Driver.CtxPopCurrent();
        }

        var device = CudaDevice.All(cuda).First(d => d.Handle == handle);
        return new CudaContext(device, ContextHandle.Borrowed(cuda.Driver, context), retained: false);
    }

    /// <summary>Waits for everything enqueued in the context.</summary>
    /// <exception cref="CudaException">An earlier operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Synchronize() => Run(0, static (driver, _) => driver.CtxSynchronize());

    /// <summary>Free and total device memory in bytes, all processes together.</summary>
    /// <exception cref="CudaException">The driver refuses to tell.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public (long Free, long Total) GetMemory()
    {
        var (free, total) = Run(0, static (driver, _) => driver.MemGetInfo());
        return ((long)free, (long)total);
    }

    /// <summary>Lets go of a retained primary context, which lives on until everything made in it is disposed of too; a borrowed one is left alone.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_retained) Owner.Dispose();
    }

    internal static CudaContext RetainPrimary(CudaDevice device) =>
        new(device, device.Cuda.Driver.DevicePrimaryCtxRetain(device.Handle), retained: true);

    /// <summary>Makes this context current until the scope is disposed of.</summary>
    internal ContextScope Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Volatile.Read(ref _lost) is { } cause) throw new ContextLostException(cause);
        return new ContextScope(Driver, Handle);
    }

    /// <summary>As <see cref="Enter"/>, for releasing things: false where there is nothing left to release into.</summary>
    internal bool TryEnter(out ContextScope scope)
    {
        scope = default;
        if (_disposed || IsLost) return false;
        try
        {
            scope = new ContextScope(Driver, Handle);
            return true;
        }
        catch (CudaException e)
        {
            Note(e);
            return false;
        }
    }

    /// <summary>One driver call in this context, whose errors are remembered if the context does not survive them. The lambda is static, so that nothing is allocated.</summary>
    internal void Run<TState>(TState state, Action<DriverApi, TState> call)
    {
        using var scope = Enter();
        try
        {
            call(Driver, state);
        }
        catch (CudaException e) when (Note(e))
        {
            throw;
        }
    }

    /// <summary>As the other overload, for calls that return something.</summary>
    internal TResult Run<TState, TResult>(TState state, Func<DriverApi, TState, TResult> call)
    {
        using var scope = Enter();
        try
        {
            return call(Driver, state);
        }
        catch (CudaException e) when (Note(e))
        {
            throw;
        }
    }

    /// <summary>Remembers an error that the context does not survive. Always true: for exception filters.</summary>
    internal bool Note(CudaException error)
    {
        if (error.IsContextLost) Interlocked.CompareExchange(ref _lost, error, null);
        return true;
    }
}
