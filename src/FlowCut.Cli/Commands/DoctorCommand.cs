using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut doctor: what this machine offers, for bug reports and for choosing a device.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Devices, versions and CPU features of this machine.");
        command.SetAction(_ =>
        {
            var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
            Print("flowcut", typeof(DoctorCommand).Assembly.GetName().Version?.ToString(3) ?? "unknown");
            Print("system", $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}");
            Print("runtime", RuntimeInformation.FrameworkDescription);
            Print("processor", $"{ProcessorName()}, {Environment.ProcessorCount} cores");
            Print("memory", string.Create(CultureInfo.InvariantCulture, $"{memory:F1} GB"));
            Print("vectors", $"{(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0)} bits (512: {Yes(Vector512.IsHardwareAccelerated)}, 256: {Yes(Vector256.IsHardwareAccelerated)}, 128: {Yes(Vector128.IsHardwareAccelerated)})");
            Print("fused multiply-add", Yes(System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported));
            Print("cpu", "available, the default");
            foreach (var (what, value) in CudaReport.Lines()) Print(what, value);
            return ExitStatus.Done;
        });
        return command;
    }

    private static void Print(string what, string value) => Console.WriteLine($"{what,-20}{value}");

    private static string Yes(bool value) => value ? "yes" : "no";

    private static string ProcessorName()
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file)) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown";
        var line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        return line is null ? "unknown" : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
