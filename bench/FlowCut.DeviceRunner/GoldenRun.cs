using System.Diagnostics;
using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>Golden answers in fp32 on one device.</summary>
internal static class GoldenRun
{
    public static int Run(Session session, string folder, string? filter)
    {
        int compared = 0, failed = 0;
        foreach (var traces in Directory.GetDirectories(Path.Combine(folder, "traces")).Order(StringComparer.Ordinal))
        {
            var model = Path.Combine(folder, Path.GetFileName(traces));
            if (!Directory.Exists(model)) continue;
            foreach (var file in Directory.GetFiles(traces, "*.safetensors").Order(StringComparer.Ordinal))
            {
                var name = Path.GetFileNameWithoutExtension(file);
                var full = $"{Path.GetFileName(traces)} {name}";
                // a batch shares its counts: that is not one answer
                if (name.StartsWith("batch", StringComparison.Ordinal) || (filter is not null && !full.Contains(filter, StringComparison.Ordinal))) continue;
                compared++;
                if (!Compare(session, model, traces, name, full)) failed++;
            }
        }

        if (compared == 0) throw new ArgumentException($"'{folder}' has no golden answer to compare");
        Console.WriteLine($"{compared - failed} of {compared} golden answers agree");
        return failed == 0 ? 0 : 1;
    }

    private static bool Compare(Session session, string model, string traces, string name, string full)
    {
        var start = Stopwatch.GetTimestamp();
        using var backend = CudaBackend.Open(session.Cuda == Interop.NativeCuda.System ? "cuda:0" : "sim", session.Cuda, activations: ElementType.Float32);
        var (differences, tensors) = LlavaAnswer.Compare(model, traces, name, backend, CancellationToken.None).GetAwaiter().GetResult();
        Console.WriteLine($"{full}: {tensors - differences.Count} of {tensors} tensors agree, {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
        // a trace is written layer by layer; the encoder as one graph is compared by what comes out of it
        string[] all = [.. differences.Take(20), .. LlavaAnswer.CompareRecorded(model, traces, name, backend)];
        foreach (var difference in all) Console.WriteLine($"  {difference}");
        return all.Length == 0 && tensors > 0;
    }
}
