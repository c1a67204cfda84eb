using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;

namespace FlowCut.Bench;

/// <summary>How long a decoded photo takes to become an encoder's input, for each family.</summary>
internal static class PreprocessCommand
{
    private const int PatchSize = 14;
    private const string Clip = """ "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711] """;

    private static readonly TimeSpan s_warming = TimeSpan.FromSeconds(2);
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static int Run(string[] arguments)
    {
        var options = Options.Parse(arguments, "width", "height", "rounds", "out");
        var (width, height, rounds) = (options.Integer("width", 4000), options.Integer("height", 3000), options.Integer("rounds", 15));
        var (machine, picture) = (Machine(), Photo(width, height));
        var folder = Directory.CreateTempSubdirectory("flowcut-bench-");
        try
        {
            var rows = Works(folder.FullName, picture).Select(work => Measure(work.Name, work.Prepare, rounds)).ToList();
            if (options.Text("out", "") is { Length: > 0 } file)
            {
                var result = new { machine, picture = new[] { width, height }, rounds, families = rows };
                File.WriteAllText(file, JsonSerializer.Serialize(result, s_indented) + "\n");
            }

            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<(string Name, Func<PictureCrop[]> Prepare)> Works(string folder, RgbImage picture)
    {
        var clip = Write(folder, "clip.json", """{"size": 336, "crop_size": 336, """ + Clip + "}");
        var model = Write(folder, "config.json", """{"image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]}""");
        var siglip = Write(folder, "siglip.json", """{"size": {"width": 384, "height": 384}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}""");
        var qwen = Write(folder, "qwen.json", """{"min_pixels": 3136, "max_pixels": 12845056, """ + Clip + "}");
        var whole = ClipPreprocessor.Load(clip);
        var anyRes = AnyResPreprocessor.Load(clip, JsonSection.Read(model));
        var square = SiglipPreprocessor.Load(siglip);
        var internVl = InternVlPreprocessor.Load("", new DynamicTiling(448, 1, 12, true));
        var (unlimited, limited) = (Qwen2VlPreprocessor.Load(qwen), Qwen2VlPreprocessor.Load(qwen, maxPixels: 1003520));
        yield return ("LLaVA-1.5, padded to 336", () => [whole.Prepare(picture, PreprocessMode.Original, PatchSize)]);
        yield return ("LLaVA-NeXT, tiles of 336", () => anyRes.Prepare(picture, PreprocessMode.Original, PatchSize));
        yield return ("InternVL2, up to 12 tiles of 448", () => internVl.Prepare(picture, PatchSize));
        yield return ("SigLIP, 384", () => [square.Prepare(picture, PatchSize)]);
        yield return ("Qwen2-VL, up to 1003520 pixels", () => [limited.Prepare(picture)]);
        yield return ("Qwen2-VL, up to 12845056 pixels", () => [unlimited.Prepare(picture)]);
    }

    private static object Measure(string name, Func<PictureCrop[]> prepare, int rounds)
    {
        var crops = prepare();
        var (count, values) = (crops.Length, crops.Sum(c => (long)c.PixelValues.Length));
        crops = null;
        // until the loops are compiled for good
        for (var warming = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(warming) < s_warming;) prepare();
        var (times, cpu) = (new double[rounds], new double[rounds]);
        for (var round = 0; round < rounds; round++)
        {
            GC.Collect();
            var (start, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            prepare();
            times[round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            cpu[round] = (Environment.CpuUsage.TotalTime - used).TotalMilliseconds;
        }

        Array.Sort(times);
        Array.Sort(cpu);
        var (median, processor) = (times[rounds / 2], cpu[rounds / 2]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{count,3} crops {values,10} values {median,8:F1} ms (fastest {times[0]:F1}, slowest {times[^1]:F1}), {processor:F1} ms of a core"));
        return new { family = name, crops = count, values, median_ms = Math.Round(median, 1), fastest_ms = Math.Round(times[0], 1), slowest_ms = Math.Round(times[^1], 1), core_ms = Math.Round(processor, 1) };
    }

    private static object Machine() => new
    {
        cpu = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() : null,
        cores = Environment.ProcessorCount,
        system = System.Runtime.InteropServices.RuntimeInformation.OSDescription,
        load_average_before = File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : null,
        date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };

    /// <summary>Smooth areas and noise; what stands in a picture does not change the work.</summary>
    private static RgbImage Photo(int width, int height)
    {
        var random = new Random(1);
        var pixels = new byte[3 * width * height];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i / 3 % width * 200 / width + random.Next(50));
        return new RgbImage(width, height, pixels);
    }

    private static string Write(string folder, string name, string json)
    {
        var file = Path.Combine(folder, name);
        File.WriteAllText(file, json);
        return file;
    }
}
