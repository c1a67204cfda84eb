using FlowCut.Kernels;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>
/// Device time of the benchmark cases: between two events around one launch, after a write over more than the L2 cache, during
/// which the host enqueues ahead. Each as a share of the roofline that the same run has measured.
/// </summary>
internal static class BenchCommand
{
    private const int Warmups = 10;

    /// <summary>H100: 50 MB of L2, B200: 126 MB.</summary>
    private const long FlushBytes = 256L << 20;

    public static int Run(Arguments arguments)
    {
        var device = arguments.Open();
        var info = device.Context.Device.Info;
        Console.WriteLine($"device: {info.Name}, {info.Architecture}");
        using var report = new RowWriter(arguments.Out, device);
        using var flush = device.Pool.Allocate(device.IsSimulator ? 256 : FlushBytes, device.Stream);
        var samples = arguments.Quick ? 5 : 100;
        var (bandwidth, compute) = (0.0, 0.0);
        if (!device.IsSimulator)
        {
            bandwidth = Ceiling(device, flush, BenchmarkCases.Bandwidth, p => p.Bytes);
            compute = Ceiling(device, flush, BenchmarkCases.Compute, p => p.Flops);
            Console.WriteLine($"ceilings of this run: {bandwidth / 1e9:F0} GB/s, {compute / 1e12:F0} TFLOP/s (f16)");
        }

        var any = false;
        foreach (var row in BenchmarkCases.All)
        {
            if (!row.Name.Contains(arguments.Filter, StringComparison.OrdinalIgnoreCase)) continue;
            any = true;
            using var bench = new Workbench(device);
            var prepared = row.Case.Prepare(bench);
            if (device.IsSimulator)
            {
                // large sizes would take minutes and show nothing that small ones do not
                if (row.Flops > 1e9) continue;
                prepared.Launch();
                bench.Stream.Synchronize();
                report.Row(row.Name, [], null);
                Console.WriteLine($"{row.Name}: ran, no timing on a simulator");
                continue;
            }

            var times = Times(device, flush, prepared, samples);
            var limit = Math.Max(prepared.Bytes / bandwidth, Math.Max(row.Flops, prepared.Flops) / compute) * 1e6;
            report.Row(row.Name, times, limit / RowWriter.Percentile([.. times.Order()], 0.5));
            Console.WriteLine($"{row.Name}: {RowWriter.Percentile([.. times.Order()], 0.5):F2} us, {limit / RowWriter.Percentile([.. times.Order()], 0.5):P0} of the roofline");
        }

        return any ? 0 : throw new UsageException($"no benchmark is named like '{arguments.Filter}'");
    }

    /// <summary>Bytes or operations a second.</summary>
    private static double Ceiling(CaseDevice device, DeviceMemory flush, KernelCase c, Func<Prepared, double> work)
    {
        using var bench = new Workbench(device);
        var prepared = c.Prepare(bench);
        return work(prepared) / (RowWriter.Percentile([.. Times(device, flush, prepared, 20).Order()], 0.5) * 1e-6);
    }

    /// <summary>Microseconds of each sample.</summary>
    private static double[] Times(CaseDevice device, DeviceMemory flush, Prepared prepared, int samples)
    {
        using var start = CudaEvent.Create(device.Context, timing: true);
        using var end = CudaEvent.Create(device.Context, timing: true);
        var times = new double[samples];
        for (var i = -Warmups; i < samples; i++)
        {
            device.Stream.EnqueueFill(flush.Pointer, (byte)i, flush.Bytes);
            start.Record(device.Stream);
            prepared.Launch();
            end.Record(device.Stream);
            end.Synchronize();
            if (i >= 0) times[i] = end.MillisecondsSince(start) * 1000.0;
        }

        return times;
    }
}
