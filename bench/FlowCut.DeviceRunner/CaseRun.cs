using System.Diagnostics;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>The case tables on one device, as the xunit tests run them.</summary>
internal static class CaseRun
{
    public static int Run(Session session, string? filter)
    {
        int passed = 0, failed = 0;
        foreach (var (operation, cases) in KernelCases.All)
        {
            if (filter is not null && !operation.Contains(filter, StringComparison.OrdinalIgnoreCase)) continue;
            var start = Stopwatch.GetTimestamp();
            var before = (passed, failed);
            foreach (var c in cases)
            {
                try
                {
                    c.Check(session.Device);
                    passed++;
                }
                catch (Exception e)
                {
                    failed++;
                    Console.WriteLine($"FAILED {operation}: {c}: {e.Message}");
                }
            }

            Console.WriteLine($"{operation}: {passed - before.passed} passed, {failed - before.failed} failed, {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
        }

        if (passed + failed == 0) throw new ArgumentException($"no operation has '{filter}' in its name");
        Console.WriteLine($"{passed} passed, {failed} failed on the {session.Device.Name} ({session.Device.Kernels.Device.Name})");
        return failed == 0 ? 0 : 1;
    }
}
