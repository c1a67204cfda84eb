using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Numbers that a kernel leaves in mapped host memory, each followed by the number of the launch that wrote it. The host
/// watches that number instead of waiting for the stream, so it learns a layer's result while the device is busy with what
/// was queued behind.
/// </summary>
internal sealed class CudaHostValues(CudaStream stream, PinnedMemory memory, int count) : HostValues(count)
{
    /// <summary>How often the host looks before it asks whether the stream still works at all.</summary>
    private const int LooksBetweenQueries = 256;

    private uint _number;

    /// <summary>[count, 2] 32-bit words: the bits of a float, then the launch's number.</summary>
    public DeviceArray<uint> Mapped => new(memory.DevicePointer, 2 * Count);

    /// <summary>The number that the next launch has to write.</summary>
    public uint NextNumber() => ++_number;

    public override double Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        var words = memory.Span<uint>().Slice(2 * index, 2);
        for (var looks = 1; Volatile.Read(ref words[1]) != _number; looks++)
        {
            Thread.SpinWait(20);
            // a failed kernel never writes; asking throws what went wrong
            if (looks % LooksBetweenQueries == 0 && stream.IsIdle() && Volatile.Read(ref words[1]) != _number)
                throw new InvalidOperationException("The queued work is done but has not written the value that is to be read.");
        }

        return BitConverter.UInt32BitsToSingle(Volatile.Read(ref words[0]));
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        // a kernel that is still queued may write here
        if (!stream.Context.IsLost) stream.Synchronize();
        memory.Dispose();
    }
}
