using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>One variant, ready to be launched in its context. Launching allocates nothing and waits for nothing.</summary>
internal sealed unsafe class LoadedKernel
{
    private readonly CudaContext _context;
    private readonly DeviceInfo _device;
    private readonly nint _function;
    private readonly int _sharedBytes;

    private LoadedKernel() => (_context, _device, Entry) = (null!, null!, "");

    public LoadedKernel(CudaContext context, string entry, nint function, int sharedBytes)
    {
        (_context, _device, _function, _sharedBytes) = (context, context.Device.Info, function, sharedBytes);
        Entry = entry;
    }

    /// <summary>Launches nothing: for rehearsals.</summary>
    public static LoadedKernel Rehearsed { get; } = new();

    /// <summary>The entry point's name.</summary>
    public string Entry { get; }

    /// <summary>Enqueues one launch with a one-dimensional block.</summary>
    /// <param name="args">The kernel's only parameter; copied before the call returns.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="stream">A stream of the kernel's context; may be capturing.</param>
    /// <exception cref="ArgumentException">The stream belongs to another context, or grid or block are beyond the device's limits.</exception>
    /// <exception cref="CudaException">The driver refuses the launch, or an earlier operation failed.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public void Launch<TArgs>(in TArgs args, GridSize grid, int threads, CudaStream stream)
        where TArgs : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (_function == 0) return;
        if (stream.Context.Handle != _context.Handle)
            throw new ArgumentException($"The stream belongs to another context than the kernel {Entry}.", nameof(stream));
        grid.Check(_device);
        if (threads < 1 || threads > _device.MaxThreadsPerBlock)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, $"A block of {Entry} has 1 to {_device.MaxThreadsPerBlock} threads.");

        using var scope = _context.Enter();
        try
        {
            fixed (TArgs* first = &args)
            {
                void* parameter = first;
                _context.Driver.LaunchKernel(_function, new Dim3((uint)grid.X, (uint)grid.Y, (uint)grid.Z), new Dim3((uint)threads), (uint)_sharedBytes, stream.Handle, &parameter);
            }

            _context.CountLaunch();
        }
        catch (CudaException e) when (_context.Note(e))
        {
            e.Data["kernel"] = Entry;
            throw;
        }
    }
}
