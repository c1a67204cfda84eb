using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Benchmarking;

namespace FlowCut.Bench;

/// <summary>
/// What the first answer of LLaVA-1.5-7B's shape waits for: NVRTC compiling all its kernels, and, in every later process, reading
/// them from the cache. No GPU is needed: the simulator's device says which kernels they are, NVRTC compiles them for a real
/// architecture; loading them into a driver is not part of it.
/// </summary>
internal static class ColdStartCommand
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static int Run(string[] arguments)
    {
        var options = Options.Parse(arguments, ["arch", "out", "simulator"]);
        var architecture = options.Text("arch", "sm_90a");
        var set = Rehearse(options.Text("simulator", Path.Combine("artifacts", "simulator", "libflowcut-sim.so")));
        var folder = Directory.CreateTempSubdirectory("flowcut-cold-start-");
        try
        {
            var cold = Time(() => set.Compile(NativeCuda.System, architecture, new KernelCache(folder.FullName)));
            var warm = Enumerable.Range(0, 11).Select(_ => Time(() => set.Compile(NativeCuda.System, architecture, new KernelCache(folder.FullName)))).ToArray();
            if (cold.Compiled != set.Count || warm.Any(w => w.Compiled != 0)) throw new InvalidOperationException("the cache did not hold what was compiled");
            var found = warm.Select(w => w.Milliseconds).Order().ToArray();
            var bytes = folder.GetFiles("*.cubin").Sum(f => f.Length);
            Console.WriteLine($"{set.Count} kernels for {architecture}, {bytes / 1024} KiB: compiled in {cold.Milliseconds / 1000:F1} s on {Environment.ProcessorCount} cores, found in the cache in {found[5]:F0} ms (slowest of 11: {found[^1]:F0} ms)");
            if (options.Text("out", "") is { Length: > 0 } file)
            {
                var result = new
                {
                    date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                    architecture,
                    kernels = set.Count,
                    bytes,
                    cores = Environment.ProcessorCount,
                    compile_ms = Math.Round(cold.Milliseconds),
                    cache_ms_median = Math.Round(found[5], 1),
                    cache_ms_slowest = Math.Round(found[^1], 1),
                };
                File.WriteAllText(file, JsonSerializer.Serialize(result, s_indented) + "\n");
            }

            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static KernelSet Rehearse(string simulator)
    {
        using var backend = CudaBackend.Open("sim", NativeCuda.Simulator(Path.GetFullPath(simulator)));
        using var model = ModelBenchmark.Synthetic("llava-1.5-7b", 2, backend);
        return KernelSet.Rehearse(model.Rehearse);
    }

    private static (double Milliseconds, int Compiled) Time(Func<int> work)
    {
        var start = Stopwatch.GetTimestamp();
        var compiled = work();
        return (Stopwatch.GetElapsedTime(start).TotalMilliseconds, compiled);
    }
}
