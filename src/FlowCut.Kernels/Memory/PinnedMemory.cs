using System.Runtime.CompilerServices;
using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>
/// Page-locked host memory, usable by every context and mapped into the device's address space: the source and destination
/// of copies that run beside host code, and of values that kernels leave for the host to read.
/// </summary>
public sealed unsafe class PinnedMemory : IDisposable
{
    private readonly HostMemoryHandle _owned;
    private bool _disposed;

    private PinnedMemory(HostMemoryHandle owned, nint devicePointer, long bytes)
    {
        (_owned, DevicePointer, Bytes) = (owned, devicePointer, bytes);
        HostPointer = owned.Value;
    }

    /// <summary>The address for the host.</summary>
    public nint HostPointer { get; }

    /// <summary>The address for kernels.</summary>
    public nint DevicePointer { get; }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>Allocates memory; slow (it may wait for the device), so do it once. The contents are undefined.</summary>
    /// <param name="context">Must outlive the memory.</param>
    /// <param name="bytes">1 or more.</param>
    /// <param name="writeCombined">For memory that the host only writes: faster copies, very slow host reads.</param>
    /// <exception cref="CudaException">The host has not enough memory that can be locked.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static PinnedMemory Allocate(CudaContext context, long bytes, bool writeCombined = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        var flags = HostAllocationFlags.Portable | HostAllocationFlags.DeviceMap | (writeCombined ? HostAllocationFlags.WriteCombined : 0);
        var owned = context.Run((context.Owner, bytes, flags), static (driver, s) => driver.MemHostAlloc(s.Owner, (nuint)s.bytes, s.flags));
        try
        {
            var device = context.Run(owned.Value, static (driver, host) => driver.MemHostGetDevicePointer(host));
            return new PinnedMemory(owned, device, bytes);
        }
        catch
        {
            owned.Dispose();
            throw;
        }
    }

    /// <summary>The memory as values. Nothing stops the device from changing them meanwhile.</summary>
    /// <exception cref="OverflowException">More values than a span can have.</exception>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Span<T>((void*)HostPointer, checked((int)(Bytes / Unsafe.SizeOf<T>())));
    }

    /// <summary>Frees it. No copy or kernel may still use it.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _owned.Dispose();
    }
}
