using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>Checks of addresses that somebody else owns. Launchers do not make them: each costs a driver call. Make them where a pointer comes in.</summary>
public static class DevicePointer
{
    /// <summary>Refuses an address that kernels of a context must not touch.</summary>
    /// <remarks>Memory from pools and from the virtual memory API belongs to no context; there the device is compared.</remarks>
    /// <param name="context">The context in which it is going to be used.</param>
    /// <param name="pointer">An address of device, managed, or mapped host memory.</param>
    /// <param name="bytes">Bytes from there that are going to be used, where known.</param>
    /// <exception cref="ArgumentException">The address is not known to the driver, belongs to another context or device, or the allocation ends before.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Check(CudaContext context, nint pointer, long bytes = 0)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (pointer == 0) throw new ArgumentException("The pointer is null.", nameof(pointer));
        var owner = Ask<nint>(context, pointer, PointerAttribute.Context)
            ?? throw new ArgumentException($"0x{pointer:x} is no address of device memory, nor of host memory that CUDA has mapped.", nameof(pointer));
        if (owner == 0)
        {
            var device = Ask<int>(context, pointer, PointerAttribute.DeviceOrdinal);
            if (device is not null && device != context.Device.Ordinal)
                throw new ArgumentException($"0x{pointer:x} lies on device {device}; it was to be used on device {context.Device.Ordinal}.", nameof(pointer));
        }
        else if (owner != context.Handle && !IsHost(context, pointer))
        {
            throw new ArgumentException($"0x{pointer:x} belongs to context 0x{owner:x}; it was to be used in context 0x{context.Handle:x}.", nameof(pointer));
        }

        CheckExtent(context, pointer, bytes);
    }

    /// <summary>As the other overload, for a view.</summary>
    /// <exception cref="ArgumentException">The view is not valid, or the address is refused as in the other overload.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Check(CudaContext context, in DeviceMatrix matrix)
    {
        Require.Valid(matrix);
        if (!matrix.IsEmpty) Check(context, matrix.Pointer, matrix.Bytes);
    }

    private static void CheckExtent(CudaContext context, nint pointer, long bytes)
    {
        if (bytes == 0) return;
        var start = Ask<nint>(context, pointer, PointerAttribute.RangeStartAddr);
        var size = Ask<nint>(context, pointer, PointerAttribute.RangeSize);
        // some kinds of memory have no range to tell
        if (start is not { } first || size is not { } length || first == 0 || length == 0) return;
        var rest = first + length - pointer;
        if (bytes > rest) throw new ArgumentException($"{bytes} bytes at 0x{pointer:x} were to be used; the allocation ends after {rest}.", nameof(pointer));
    }

    /// <summary>Mapped host memory can be used by every context of the process.</summary>
    private static bool IsHost(CudaContext context, nint pointer) =>
        Ask<MemoryType>(context, pointer, PointerAttribute.MemoryType) == MemoryType.Host;

    /// <summary>An attribute, or null where the driver has none for this address.</summary>
    private static T? Ask<T>(CudaContext context, nint pointer, PointerAttribute attribute)
        where T : unmanaged
    {
        try
        {
            return context.Run((pointer, attribute), static (driver, s) => driver.PointerGetAttribute<T>(s.attribute, s.pointer));
        }
        catch (CudaException e) when (e.Result is CudaResult.InvalidValue or CudaResult.NotSupported)
        {
            return null;
        }
    }
}
