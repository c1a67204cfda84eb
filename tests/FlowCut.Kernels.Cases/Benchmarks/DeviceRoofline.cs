namespace FlowCut.Kernels.Cases;

/// <summary>The ceilings of a device, measured in the run whose rows are compared with them.</summary>
/// <param name="BytesPerSecond">Of a copy from device memory to device memory, reading and writing counted.</param>
/// <param name="FlopsPerSecond">Of a large fp16 product by cuBLASLt.</param>
internal sealed record DeviceRoofline(double BytesPerSecond, double FlopsPerSecond)
{
    private const int Samples = 9;

    public static DeviceRoofline Measure(CaseDevice device, DeviceTimer timer)
    {
        const long bytes = 1L << 30;
        const int size = 8192;
        double bandwidth;
        using (DeviceMemory from = device.Pool.Allocate(bytes, device.Stream), to = device.Pool.Allocate(bytes, device.Stream))
            bandwidth = 2 * bytes / timer.Measure(() => device.Stream.EnqueueCopy(from.Pointer, to.Pointer, bytes), Samples).Median * 1e6;
        using var bench = new Workbench(device);
        var product = new LinearCase(size, size, size, ElementType.Float16, ElementType.Float16).Prepare(bench);
        return new DeviceRoofline(bandwidth, product.Flops / timer.Measure(product.Launch, Samples).Median * 1e6);
    }

    /// <summary>How near a time is to the least that the ceilings allow.</summary>
    public double Share(Prepared work, double microseconds) => Math.Max(work.Bytes / BytesPerSecond, work.Flops / FlopsPerSecond) * 1e6 / microseconds;
}
