using System.Diagnostics;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>Every case on the device: against its oracle, twice the same bits, bands whole, no allocation.</summary>
internal static class TestCommand
{
    public static int Run(Arguments arguments)
    {
        var device = arguments.Open();
        Console.WriteLine($"device: {device.Context.Device.Info.Name}, {device.Context.Device.Info.Architecture}");
        using var report = new RowWriter(arguments.Out, device);
        int passed = 0, failed = 0;
        foreach (var (operation, cases) in KernelCases.All)
        {
            if (!operation.Contains(arguments.Filter, StringComparison.OrdinalIgnoreCase)) continue;
            var start = Stopwatch.GetTimestamp();
            int good = 0, bad = 0;
            foreach (var c in cases)
            {
                try
                {
                    c.Check(device);
                    good++;
                }
                catch (Exception e)
                {
                    // a lost context fails the rest too, each by its own message
                    bad++;
                    Console.WriteLine($"FAILED {operation}: {e.Message}");
                }
            }

            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Console.WriteLine($"{operation}: {good} passed, {bad} failed, {seconds:F1} s");
            report.Test(operation, good, bad);
            (passed, failed) = (passed + good, failed + bad);
        }

        if (passed + failed == 0) throw new UsageException($"no operation is named like '{arguments.Filter}'");
        Console.WriteLine($"{passed} passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }
}
