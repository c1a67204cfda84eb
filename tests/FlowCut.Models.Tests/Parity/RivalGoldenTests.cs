using System.Text.Json;
using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Cases;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Methods;
using FlowCut.Models.Tests.Backends;
using FlowCut.Models.Tracing;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// The other methods against what their authors' code decided and generated (goldens/rivals): every index, score, merge, position and
/// greedy token. Pictures come in as stored pixels.
/// </summary>
public class RivalGoldenTests
{
    /// <summary>Steps whose two best logits lie nearer than this may flip under another order of summation.</summary>
    private const double SafeGap = 0.01;

    private static readonly string[] s_methods = ["fastv", "sparsevlm", "sparsevlm-plus", "pdrop", "visionzip", "divprune", "holov", "vscan"];

    public static TheoryData<string, int, string> Cases()
    {
        var data = new TheoryData<string, int, string>();
        foreach (var method in s_methods)
        {
            foreach (var keep in method == "pdrop" ? new[] { 64, 128, 192, 270 } : [64, 128, 192])
            {
                foreach (var picture in new[] { "chelsea", "coffee-wide" }) data.Add(method, keep, picture);
            }
        }

        // the checkpoint's features have rank 128
        foreach (var keep in new[] { 32, 64, 96 })
        {
            foreach (var picture in new[] { "chelsea", "coffee-wide" }) data.Add("cdpruner", keep, picture);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_method_decides_and_answers_as_its_authors_code(string method, int keep, string picture)
    {
        using var cpu = new CpuBackend();
        Check(cpu, method, keep, picture);
    }

    public static TheoryData<string, string> DeviceCases()
    {
        var data = new TheoryData<string, string>();
        foreach (var device in new[] { TestDevices.Simulator, TestDevices.Gpu })
        {
            foreach (var method in (string[])[.. s_methods, "cdpruner"]) data.Add(device, method);
        }

        return data;
    }

    /// <summary>The same by the CUDA kernels in fp32; one budget, because the simulator is slow.</summary>
    [Theory]
    [MemberData(nameof(DeviceCases))]
    public void A_method_decides_and_answers_the_same_by_the_kernels(string device, string method)
    {
        using var backend = CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
        Check(backend, method, 64, "chelsea");
    }

    private static void Check(Backend backend, string method, int keep, string picture)
    {
        var name = $"rivals/{method}-{keep}-{picture}";
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Require(name + ".json")));
        using var golden = Checkpoint.Open(Require(name + ".safetensors"));
        var tensors = new GoldenTensors(name + ".safetensors");
        var strategy = PruningMethod.Find(method).Create(keep, Settings(method));
        if (facts.RootElement.TryGetProperty("question", out var question)) strategy = strategy.About(question.GetString()!);
        if (strategy is SparseVlm sparse) strategy = sparse with { Noise = layer => tensors.Singles($"language.layer.{layer}.noise") };
        var (trace, decodePositions) = Answer(backend, strategy, facts.RootElement, picture, tensors.Shape("generated.ids")[0], method == "sparsevlm-plus");

        var end = FirstCoinFlip(facts.RootElement);
        var (differences, compared) = TensorDifferences.Find(golden, trace.Tensors, n => IsBefore(n, end) ? TraceName(n) : null, Tolerance(method));
        Assert.True(compared >= 3);
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        if (end < int.MaxValue) return;
        var gaps = facts.RootElement.GetProperty("top2 margin of greedy steps").EnumerateArray().TakeWhile(gap => gap.GetDouble() >= SafeGap).Count();
        Assert.Equal(tensors.Integers("generated.ids").Take(gaps), GoldenIds(trace).Take(gaps));
        Assert.Equal(tensors.Integers("language.decode.position_ids"), decodePositions);
    }

    /// <summary>The same clusters of the recorded tokens, near ties included.</summary>
    [Theory]
    [InlineData(64, "chelsea")]
    [InlineData(64, "coffee-wide")]
    [InlineData(128, "chelsea")]
    [InlineData(128, "coffee-wide")]
    [InlineData(192, "chelsea")]
    [InlineData(192, "coffee-wide")]
    public void SparseVLM_recycles_the_recorded_tokens_as_the_authors_code(int keep, string picture)
    {
        var golden = new GoldenTensors($"rivals/sparsevlm-{keep}-{picture}.safetensors");
        using var cpu = new CpuBackend();
        foreach (var layer in SparseVlm.PublishedLayers)
        {
            var name = $"language.layer.{layer}.";
            var shape = golden.Shape(name + "recycled_tokens");
            var tokens = cpu.Allocate(shape[0], shape[1]);
            cpu.Upload(golden.Singles(name + "recycled_tokens"), tokens);
            var distances = TokenPairs.Distances(cpu, tokens, [.. Enumerable.Range(0, shape[0])]);
            var clusters = DensityPeaks.Find(distances, golden.Shape(name + "cluster_centres")[0], golden.Singles(name + "noise"));
            Assert.Equal(golden.Integers(name + "cluster_centres"), clusters.Centres.Select(c => (long)c));
            Assert.Equal(golden.Integers(name + "cluster_assignment"), clusters.Assignment.Select(c => (long)c));
            tokens.Buffer.Dispose();
        }
    }

    /// <summary>Near ties anywhere in the list decide, so that only what does not hang on them is compared.</summary>
    [Theory]
    [InlineData(64, "chelsea")]
    [InlineData(64, "coffee-wide")]
    [InlineData(128, "chelsea")]
    [InlineData(128, "coffee-wide")]
    [InlineData(192, "chelsea")]
    [InlineData(192, "coffee-wide")]
    public void VisPruner_ranks_the_same_and_keeps_almost_the_same(int keep, string picture)
    {
        var name = $"rivals/vispruner-{keep}-{picture}";
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Require(name + ".json")));
        using var golden = Checkpoint.Open(Require(name + ".safetensors"));
        var tensors = new GoldenTensors(name + ".safetensors");
        using var cpu = new CpuBackend();
        var (trace, _) = Answer(cpu, PruningMethod.Find("vispruner").Create(keep, new Dictionary<string, string>()), facts.RootElement, picture, 1, false);
        var (differences, _) = TensorDifferences.Find(golden, trace.Tensors, n => n is "vision.scores" or "vision.important_indices" ? n : null);
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        var expected = tensors.Integers("vision.keep_indices");
        var kept = Integers(trace, "vision.keep_indices");
        Assert.Equal(keep, kept.Distinct().Count());
        // one near tie that falls otherwise reorders all later splits
        Assert.True(expected.Except(kept).Count() <= keep / 4, $"{expected.Except(kept).Count()} of {keep} differ");
    }

    [Theory]
    [InlineData(32)]
    [InlineData(48)]
    public void VisPruner_thins_the_made_up_features_as_the_authors_code(int keep)
    {
        using var units = Checkpoint.Open(Require("rivals/selection-units.safetensors"));
        const int Tokens = 96;
        var features = new float[576 * 640];
        units.Get("features").ReadSingles(features);
        var attention = new float[576];
        units.Get("attention").ReadSingles(attention);
        var order = Ranking.Descending(attention.AsSpan(0, Tokens));
        int[] important = order[..(keep / 2)], rest = order[(keep / 2)..];
        var kept = important.Concat(VisPruner.Thin(Cosines(features, 640, rest), keep - important.Length).Select(place => rest[place])).Order();
        Assert.Equal(new GoldenTensors("rivals/selection-units.safetensors").Integers($"vispruner.{Tokens}.{keep}.keep_indices"), kept.Select(i => (long)i));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(192)]
    public void DivPrune_picks_the_made_up_features_in_the_authors_order(int keep)
    {
        using var cpu = new CpuBackend();
        CheckFarthest(cpu, keep);
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void DivPrune_picks_the_made_up_features_in_the_authors_order_by_the_kernels(string device)
    {
        using var backend = CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
        CheckFarthest(backend, 192);
    }

    private static void CheckFarthest(Backend backend, int keep)
    {
        using var units = Checkpoint.Open(Require("rivals/selection-units.safetensors"));
        var features = new float[576 * 640];
        units.Get("features").ReadSingles(features);
        var rows = backend.Allocate(576, 640);
        backend.Upload(features, rows);
        using var points = backend.AllocateIndices(keep);
        backend.FarthestPoints(rows, keep, points, 0);
        var order = new int[keep];
        backend.Download(points, order);
        rows.Buffer.Dispose();
        Assert.Equal(new GoldenTensors("rivals/selection-units.safetensors").Integers($"divprune.{keep}.selection_order"), order.Select(i => (long)i));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(192)]
    public void CDPruner_keeps_of_the_made_up_features_what_the_authors_code_keeps(int keep)
    {
        using var units = Checkpoint.Open(Require("rivals/selection-units.safetensors"));
        var golden = new GoldenTensors("rivals/selection-units.safetensors");
        using var cpu = new CpuBackend();
        Tensor features = Rows("features", 576, 640), images = Rows("image_embeds", 576, 48), texts = Rows("text_embeds", 2, 48), cosines = cpu.Allocate(2, 576);
        cpu.Pairwise(PairMeasure.Cosine, texts, images, cosines);
        var values = new float[2, 576];
        cpu.Download(cosines, System.Runtime.InteropServices.MemoryMarshal.CreateSpan(ref values[0, 0], values.Length));
        var relevance = CdPruner.Relevance(values);
        Assert.All(golden.Singles("cdpruner.relevance").Zip(relevance), pair => Assert.Equal(pair.First, pair.Second, 2e-6f));

        var weights = cpu.Allocate(1, 576);
        cpu.Upload(relevance, weights);
        using var points = cpu.AllocateIndices(keep);
        cpu.GreedyDeterminant(features, weights, keep, points, 0);
        var order = new int[keep];
        cpu.Download(points, order);
        foreach (var tensor in new[] { features, images, texts, cosines, weights }) tensor.Buffer.Dispose();
        Assert.Equal(golden.Integers($"cdpruner.{keep}.keep_indices"), order.Order().Select(i => (long)i));

        Tensor Rows(string name, int rows, int width)
        {
            var stored = new float[rows * width];
            units.Get(name).ReadSingles(stored);
            var tensor = cpu.Allocate(rows, width);
            cpu.Upload(stored, tensor);
            return tensor;
        }
    }

    private static Dictionary<string, string> Settings(string method) => method == "cdpruner" ? new() { ["clip"] = Require("rivals/cdpruner-clip") } : [];

    private static float[,] Cosines(float[] features, int width, int[] rows)
    {
        var cosines = new float[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows.Length; j++) cosines[i, j] = (float)(Product(i, j) / Math.Sqrt(Product(i, i) * Product(j, j)));
        }

        return cosines;

        double Product(int i, int j)
        {
            var sum = 0.0;
            for (var k = 0; k < width; k++) sum += (double)features[rows[i] * width + k] * features[rows[j] * width + k];
            return sum;
        }
    }

    private static (Trace Trace, long[] DecodePositions) Answer(Backend backend, IPruningStrategy strategy, JsonElement facts, string picture, int steps, bool sixteenHeads)
    {
        var recorder = new DecoderRecorder(backend);
        using var folder = sixteenHeads ? new SixteenHeads() : null;
        using var model = VisionLanguageModel.Load(folder?.Path ?? Require("llava-1.5-mid"), new LoadOptions { Backend = recorder, PrepareKernels = false });
        var trace = new Trace();
        var prompt = model.Tokenize([new ChatTurn(facts.GetProperty("prompt").GetString()!)], 1, new GenerationOptions { RawPrompt = true });
        Assert.Equal(facts.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32()), prompt.Ids);
        var prepared = model.Prepare(LlavaCase.Resized($"traces/llava-1.5-mid/{picture}-full.safetensors"));
        using var encoded = Assert.Single(model.Encode([prepared], strategy, trace));
        using var session = model.Prefill(prompt, [encoded], steps, strategy, trace);
        var ids = new List<int>();
        while (ids.Count < steps)
        {
            ids.Add(session.ArgMax(1000));
            session.Append(ids[^1]);
        }

        trace.Add("generated.ids", [.. ids]);
        // one position for each group of layers that have as many rows
        var groups = recorder.DecodePositions.Select(positions => (long)positions[0]).ToArray();
        return (trace, PerLayer(groups, encoded.Language.Select(record => record.Layer), model.Description.Language.Layers));
    }

    private static long[] PerLayer(long[] groups, IEnumerable<int> droppedAfter, int layers) =>
        [.. Enumerable.Range(0, layers).Select(layer => groups[droppedAfter.Count(after => after < layer)])];

    /// <summary>
    /// The decoder layer at which the recorded run joined a recycled token to the nearer of two clusters by less than the rounding of the
    /// layers before: what follows is another, equally right run. In two files of SparseVLM.
    /// </summary>
    private static int FirstCoinFlip(JsonElement facts)
    {
        var margins = facts.GetProperty("margins").EnumerateObject()
            .Where(m => m.Name.StartsWith("assignment.", StringComparison.Ordinal) && m.Value.ValueKind == JsonValueKind.Number && m.Value.GetDouble() < 1e-6)
            .Select(m => int.Parse(m.Name["assignment.".Length..], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        return margins.Length == 0 ? int.MaxValue : margins.Min();
    }

    private static bool IsBefore(string name, int layer)
    {
        if (layer == int.MaxValue) return true;
        var parts = name.Split('.');
        if (parts is not ["language", "layer", _, _]) return name.StartsWith("language.rater", StringComparison.Ordinal);
        var number = int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture);
        return number < layer || (number == layer && parts[3] != "cluster_assignment");
    }

    /// <summary>Null: not in a trace, or compared by itself.</summary>
    private static string? TraceName(string golden)
    {
        if (golden is "generated.ids" or "generated.ids_repruned" or "language.decode.position_ids") return null;
        var last = golden[(golden.LastIndexOf('.') + 1)..];
        if (last is "noise" or "recycled_tokens" or "merged_tokens") return null;
        return golden.StartsWith("language.layer.", StringComparison.Ordinal) && last == "scores" ? golden[..^1] : golden;
    }

    /// <summary>Of the largest value. SparseVLM+ divides by weights near zero: an independent implementation differs from the authors' code by 4e-3.</summary>
    private static Func<string, double> Tolerance(string method) => name => name[(name.LastIndexOf('.') + 1)..] switch
    {
        "scores" or "head_mass" when method == "sparsevlm-plus" => 4e-3,
        "scores" or "local_scores" or "global_scores" => 5e-5,
        "patch_scores" => 2e-5,
        "density" or "delta" or "rater_scores" => 5e-5,
        "logits" => 5e-5,
        _ => 3e-5,
    };

    private static long[] GoldenIds(Trace trace) => Integers(trace, "generated.ids");

    private static long[] Integers(Trace trace, string name) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(trace.Tensors[name].Bytes.Span).ToArray();

    /// <summary>The same weights as 16 heads of 8: SparseVLM+ needs 14 at least.</summary>
    private sealed class SixteenHeads : IDisposable
    {
        public SixteenHeads()
        {
            Path = Directory.CreateTempSubdirectory("flowcut-heads-").FullName;
            foreach (var file in Directory.GetFiles(Require("llava-1.5-mid")))
            {
                if (System.IO.Path.GetFileName(file) != "config.json") File.CreateSymbolicLink(System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)), file);
            }

            var config = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Require("llava-1.5-mid/config.json")))!;
            config["text_config"]!["num_attention_heads"] = 16;
            config["text_config"]!["num_key_value_heads"] = 16;
            File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), config.ToJsonString());
        }

        public string Path { get; }

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
