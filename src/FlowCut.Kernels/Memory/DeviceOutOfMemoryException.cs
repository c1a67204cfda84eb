using System.Globalization;

namespace FlowCut.Kernels;

/// <summary>Device memory does not suffice. The message says what was wanted, what the device has free and what the pool holds.</summary>
public sealed class DeviceOutOfMemoryException : Exception
{
    public DeviceOutOfMemoryException(long wanted, long free, long total, long poolInUse, long poolReserved, Exception innerException)
        : base(Describe(wanted, free, total, poolInUse, poolReserved), innerException)
    {
        (Wanted, Free, Total, PoolInUse, PoolReserved) = (wanted, free, total, poolInUse, poolReserved);
    }

    /// <summary>Bytes of the allocation that failed.</summary>
    public long Wanted { get; }

    /// <summary>Bytes that the device had free, all processes together.</summary>
    public long Free { get; }

    /// <summary>Bytes of device memory.</summary>
    public long Total { get; }

    /// <summary>Bytes that were allocated from the pool at that time.</summary>
    public long PoolInUse { get; }

    /// <summary>Bytes that the pool had taken from the device.</summary>
    public long PoolReserved { get; }

    private static string Describe(long wanted, long free, long total, long inUse, long reserved) =>
        $"The device has not enough memory: {Size(wanted)} were wanted, {Size(free)} of {Size(total)} are free; this program's pool holds {Size(reserved)}, of which {Size(inUse)} are in use.";

    private static string Size(long bytes) => bytes switch
    {
        < 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):F1} GiB"),
    };
}
