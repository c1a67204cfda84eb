using System.Diagnostics;
using FlowCut.Models.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>Golden answers of LLaVA-NeXT, SigLIP-LLaVA, Qwen2-VL and InternVL2, those that the folder holds, by the flowcut command.</summary>
internal static class FamilyRun
{
    public static int Run(string device, string folder, string? filter)
    {
        var cases = FamilyGoldens.Cases
            .Where(c => Directory.Exists(Path.Combine(folder, c.Key)))
            .SelectMany(c => c.Value, (c, name) => (Folder: c.Key, Name: name))
            .Where(c => filter is null || $"{c.Folder} {c.Name}".Contains(filter, StringComparison.Ordinal))
            .ToArray();
        if (cases.Length == 0) throw new ArgumentException($"'{folder}' has no golden answer to compare");
        var failed = 0;
        foreach (var (family, name) in cases)
        {
            var start = Stopwatch.GetTimestamp();
            var (differences, tensors) = FamilyAnswer.Compare(family, Path.Combine(folder, family), name, Command, "--device", device, "--dtype", "f32");
            Console.WriteLine($"{family} {name}: {(differences.Count == 0 ? $"{tensors} tensors agree" : "FAILED")}, {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
            foreach (var difference in differences.Take(20)) Console.WriteLine($"  {difference}");
            if (differences.Count > 0 || tensors == 0) failed++;
        }

        Console.WriteLine($"{cases.Length - failed} of {cases.Length} golden answers of the families agree");
        return failed == 0 ? 0 : 1;
    }

    private static (int ExitStatus, string Output, string Error) Command(string[] arguments, string folder)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "flowcut"), arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("the flowcut command did not start");
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
