using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Numbers that a kernel leaves in mapped host memory, each followed by the number of the launch that wrote it. The host
/// watches that number instead of waiting for the stream, so it learns a layer's result while the device is busy with what
/// was queued behind.
/// </summary>
internal sealed class CudaHostValues(MappedValues memory, CudaStream stream, Action<MappedValues> giveBack, int count) : HostValues(count)
{
    /// <summary>How often the host looks before it asks whether the stream still works at all.</summary>
    private const int LooksBetweenQueries = 256;

    private const double RehearsedValue = 0.9;

    private bool _disposed;

    public MappedValues Memory => !_disposed ? memory : throw new ObjectDisposedException(nameof(CudaHostValues));

    /// <exception cref="ArgumentException">Another backend's, or too small.</exception>
    public static MappedValues Of(HostValues? values, int count) => values is CudaHostValues { Count: var room } own && room >= count
        ? own.Memory
        : throw new ArgumentException($"{count} host values of a CUDA backend are needed.", nameof(values));

    public override double Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        // as if the attention were a little peaked: every size that pruning goes through is rehearsed
        if (KernelSet.IsRehearsing) return RehearsedValue;
        var words = Memory.Words.Slice(2 * index, 2);
        for (var looks = 1; Volatile.Read(ref words[1]) != memory.Number; looks++)
        {
            Thread.SpinWait(20);
            // a failed kernel never writes; asking throws what went wrong
            if (looks % LooksBetweenQueries == 0 && stream.IsIdle() && Volatile.Read(ref words[1]) != memory.Number)
                throw new InvalidOperationException("The queued work is done but has not written the value that is to be read.");
        }

        return BitConverter.UInt32BitsToSingle(Volatile.Read(ref words[0]));
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing || _disposed) return;
        _disposed = true;
        giveBack(memory);
    }
}

/// <summary>
/// Mapped memory and its twin on the device, used by one <see cref="CudaHostValues"/> after the other: page-locking memory for
/// every run would cost more than the run's pruning. Numbers go on rising, so a late write for a former user deceives nobody.
/// </summary>
internal sealed class MappedValues : IDisposable
{
    private readonly PinnedMemory _mapped;
    private readonly DeviceMemory _device;

    public MappedValues(CudaStream stream, DeviceMemoryPool pool, int capacity)
    {
        Capacity = capacity;
        _mapped = PinnedMemory.Allocate(stream.Context, 2L * capacity * sizeof(uint));
        Words.Clear();
        _device = pool.Allocate((long)capacity * sizeof(float), stream);
    }

    public int Capacity { get; }

    /// <summary>The number of the last launch that was told to write here.</summary>
    public uint Number { get; private set; }

    /// <summary>[capacity, 2]: the bits of a float, then the launch's number.</summary>
    public Span<uint> Words => _mapped.Span<uint>();

    /// <summary>The same for kernels.</summary>
    public DeviceArray<uint> Mapped(int count) => new(_mapped.DevicePointer, 2 * count);

    /// <summary>The values again, for later work on the device.</summary>
    public DeviceArray<float> Device(int count) => _device.Array<float>(count);

    public uint NextNumber() => ++Number;

    public void Dispose()
    {
        _device.Dispose();
        _mapped.Dispose();
    }
}
