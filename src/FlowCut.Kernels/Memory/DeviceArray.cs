using System.Runtime.CompilerServices;

namespace FlowCut.Kernels;

/// <summary>A view of consecutive values in device memory (indices, offsets, scores) that anyone may own.</summary>
/// <param name="Pointer">Device address of the first value; aligned to the value's size. Ignored where the view is empty.</param>
/// <param name="Length">Number of values, 0 or more.</param>
public readonly record struct DeviceArray<T>(nint Pointer, int Length)
    where T : unmanaged
{
    /// <summary>Bytes of all values.</summary>
    public long Bytes => (long)Length * Unsafe.SizeOf<T>();

    /// <summary>Values <paramref name="start"/> up to <paramref name="start"/> + <paramref name="count"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the view.</exception>
    public DeviceArray<T> Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + (long)count, Length, nameof(count));
        return new DeviceArray<T>(checked(Pointer + (nint)((long)start * Unsafe.SizeOf<T>())), count);
    }
}
