namespace FlowCut.Kernels.Cases;

/// <summary>Microseconds of one launch; the level-2 cache was flushed before each.</summary>
internal readonly record struct LaunchTime(double Median, double P10, double P90);

/// <summary>Times launches by events on the device. What is timed starts with a cold level-2 cache.</summary>
internal sealed class DeviceTimer : IDisposable
{
    /// <summary>Setting this much takes longer than enqueueing what is timed, so that the device never waits for the host.</summary>
    private const long LeastFlush = 256L << 20;

    private readonly CaseDevice _device;
    private readonly DeviceMemory? _flush;
    private readonly CudaEvent _start, _end;

    public DeviceTimer(CaseDevice device)
    {
        _device = device;
        _start = CudaEvent.Create(device.Context, true);
        _end = CudaEvent.Create(device.Context, true);
        // a simulator has no cache to flush
        if (!device.IsSimulator) _flush = device.Pool.Allocate(Math.Max(LeastFlush, 3L * device.Kernels.Device.L2Bytes), device.Stream);
    }

    /// <summary>Runs a launch a few times untimed, so that kernels are loaded and algorithms chosen, then times it.</summary>
    public LaunchTime Measure(Action launch, int samples)
    {
        for (var i = 0; i < 2; i++) launch();
        var times = new double[samples];
        for (var i = 0; i < samples; i++)
        {
            if (_flush is { } flush) _device.Stream.EnqueueFill(flush.Pointer, (byte)i, flush.Bytes);
            _start.Record(_device.Stream);
            launch();
            _end.Record(_device.Stream);
            _end.Synchronize();
            times[i] = 1000.0 * _end.MillisecondsSince(_start);
        }

        Array.Sort(times);
        double Rank(double q) => times[(int)Math.Round(q * (samples - 1), MidpointRounding.AwayFromZero)];
        return new LaunchTime(Rank(0.5), Rank(0.1), Rank(0.9));
    }

    public void Dispose()
    {
        _flush?.Dispose();
        _start.Dispose();
        _end.Dispose();
    }
}
