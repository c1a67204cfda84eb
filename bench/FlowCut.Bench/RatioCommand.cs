using System.Globalization;
using System.Text;
using System.Text.Json;
using FlowCut.Bench.Kernels;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Benchmarking;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;

namespace FlowCut.Bench;

/// <summary>What is claimed about single kernels, each against its peers or its ceiling within one run.</summary>
internal sealed class RatioCommand : IDisposable
{
    private readonly CpuBackend _backend = new();
    private readonly List<RatioGroup> _groups = [];
    private readonly List<double> _flowShares = [];
    private readonly int _rounds;

    private RatioCommand(int rounds) => _rounds = rounds;

    public static int Run(string[] arguments)
    {
        var options = Options.Parse(arguments, "rounds", "only", "out");
        using var command = new RatioCommand(options.Integer("rounds", 25));
        Dictionary<string, Action> suites = new()
        {
            ["gemm"] = command.Gemm,
            ["gemv"] = command.Gemv,
            ["attention"] = command.Attention,
            ["flow"] = command.FlowStep,
            ["crops"] = command.Crops,
        };
        foreach (var (name, suite) in suites)
        {
            if (options.Text("only", name) == name) suite();
        }

        if (options.Text("out", "") is { Length: > 0 } file) File.WriteAllText(file, command.ToJson());
        return 0;
    }

    private void Gemm()
    {
        foreach (var (rows, depth, columns) in new[] { (577, 1024, 4096), (577, 4096, 1024), (577, 1024, 3072), (128, 4096, 4096), (104, 4096, 11008) })
        {
            using var single = new LinearWork(_backend, rows, depth, columns, StoredType.Float32);
            using var half = new LinearWork(_backend, rows, depth, columns, StoredType.Float16);
            using var onnx = new OnnxRuntimeGemm(rows, depth, columns);
            using var dnnl = OneDnnGemm.IsAvailable ? new OneDnnGemm(rows, depth, columns) : null;
            var group = Measure($"GEMM {rows}×{depth}×{columns}", 2.0 * rows * depth * columns, "GFLOP/s",
                new("f32 weights", single.Run), new("f16 weights", half.Run), new("ONNX Runtime", onnx.Run), dnnl is null ? null : new("oneDNN", dnnl.Run));
            for (var ours = 0; ours < 2; ours++)
            {
                for (var peer = 2; peer < group.Rounds.Contenders.Count; peer++) group.Compare(peer, ours);
            }
        }
    }

    private void Gemv()
    {
        using var probe = new CpuRoofline.ReadProbe();
        foreach (var (depth, columns) in new[] { (4096, 4096), (4096, 11008), (11008, 4096) })
        {
            foreach (var type in new[] { StoredType.Float16, StoredType.BFloat16, StoredType.Float32 })
            {
                using var work = new LinearWork(_backend, 1, depth, columns, type, weights: 6);
                // the probe reads as many bytes, so the ratio is the share of the bandwidth
                var bytes = work.WeightBytes;
                Measure($"GEMV {depth}×{columns} {type}", bytes, "GB/s", new("ours", work.Run), new("reading only", () => probe.Read(bytes))).Compare(1, 0);
            }
        }
    }

    private void Attention()
    {
        foreach (var patches in new[] { 576, 192, 64 })
        {
            using var work = new AttentionWork(_backend, patches);
            Measure($"attention, CLS and {patches} patches, 16 heads of 64", 4.0 * (patches + 1) * (patches + 1) * 1024, "GFLOP/s",
                new("without export", () => work.Run(export: false)), new("exporting the CLS row", () => work.Run(export: true))).Compare(1, 0);
        }
    }

    /// <summary>
    /// The price of FlowCut inside a vision tower, twice: the whole of it (attention that exports, scores and entropy in
    /// every layer at full size, one patch dropped at the end) against the tower that knows nothing of pruning; and the
    /// strategy's own work as a share of a run that prunes to 64, in which noise of the machine cancels.
    /// </summary>
    private void FlowStep()
    {
        using var model = ModelBenchmark.Synthetic("clip-l-336", null, _backend);
        var last = model.VisionLayersRun - 2;
        var scoring = new FlowCutStrategy(new FlowCutOptions { Keep = model.Vision.Patches - 1, Schedule = PruningSchedule.SingleLayer(last) });
        Measure("CLIP-L/14-336, scores in all layers", model.VisionFlops(), "GFLOP/s",
            new("unpruned", () => model.RunVision(null, default)), new("scored", () => model.RunVision(scoring, default))).Compare(1, 0);

        var pruning = new TimedStrategy(new FlowCutStrategy(new FlowCutOptions { Keep = 64, Schedule = PruningSchedule.Profile }));
        for (var round = -1; round < _rounds; round++)
        {
            var vision = model.RunVision(pruning, default);
            var share = pruning.TakeMilliseconds() / vision;
            if (round >= 0) _flowShares.Add(share);
        }

        _flowShares.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"CLIP-L/14-336 pruned to 64: scores and selection take {_flowShares[_flowShares.Count / 2]:P2} of the vision time"));
    }

    /// <summary>What it is worth that the crops of one picture are one batch.</summary>
    private void Crops()
    {
        using var model = ModelBenchmark.Synthetic("llava-next-7b", 2, _backend);
        Measure($"LLaVA-NeXT, {model.Crops} crops through CLIP-L/14-336 and the projector", model.VisionFlops(), "GFLOP/s",
            new("as one batch", () => model.RunVision(null, default)), new("one by one", () => model.RunVisionOneByOne(null, default))).Compare(1, 0);
    }

    private RatioGroup Measure(string title, double units, string unit, params Contender?[] contenders)
    {
        var group = new RatioGroup(title, units, unit, new PairedRounds([.. contenders.OfType<Contender>()], _rounds));
        _groups.Add(group);
        Console.WriteLine(title);
        for (var i = 0; i < group.Rounds.Contenders.Count; i++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {group.Rounds.Contenders[i].Name,-36}{group.Rounds.Median(i),10:F3} ms{group.Rate(i),9:F1} {unit}"));
        return group;
    }

    private string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("rounds", _rounds);
            json.WriteStartArray("groups");
            foreach (var group in _groups) group.Write(json);
            json.WriteEndArray();
            if (_flowShares.Count > 0) json.WriteNumber("flow_share_of_vision_time", Math.Round(_flowShares[_flowShares.Count / 2], 5));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    public void Dispose() => _backend.Dispose();
}
