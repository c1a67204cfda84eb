using System.Runtime.InteropServices;
using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// Whole answers with 16-bit activations. Values stay near the fp32 goldens as long as both look at the same patches; every
/// decision is the one that the double-precision reference makes on the same 16-bit inputs.
/// </summary>
public class HalfPrecisionTests
{
    private const int Patches = 64, LastPruningLayer = 21;

    public static TheoryData<string, string, string, ElementType> Unpruned() => OnEachDevice(
    [
        .. from picture in new[] { "chelsea", "astronaut", "rocket" } select ("llava-1.5-tiny", $"{picture}-full", ElementType.Float16),
        ("llava-1.5-mini-renamed", "camera-grey-full", ElementType.Float16),
        ("llava-1.5-tiny", "chelsea-full", ElementType.BFloat16),
        ("llava-1.5-mini-renamed", "camera-grey-full", ElementType.BFloat16),
    ]);

    public static TheoryData<string, string, string, ElementType> Pruned() => OnEachDevice(
    [
        ("llava-1.5-tiny", "chelsea-t8", ElementType.Float16),
        ("llava-1.5-tiny", "astronaut-t16", ElementType.Float16),
        ("llava-1.5-tiny", "rocket-t32", ElementType.BFloat16),
    ]);

    public static TheoryData<string, string, string, ElementType> AllOfTiny() => OnEachDevice(
    [
        .. from type in new[] { ElementType.Float16, ElementType.BFloat16 }
           from picture in new[] { "chelsea", "astronaut", "rocket" }
           from budget in new[] { "full", "t8", "t16", "t32" }
           select ("llava-1.5-tiny", $"{picture}-{budget}", type),
    ]);

    [Theory]
    [MemberData(nameof(Unpruned))]
    [MemberData(nameof(Pruned))]
    public Task Values_stay_near_the_golden_and_decisions_are_the_references(string device, string model, string name, ElementType type) => Check(device, model, name, type);

    /// <summary>The rest, a minute or two: run with -explicit only.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(AllOfTiny))]
    public Task Every_case_of_tiny(string device, string model, string name, ElementType type) => Check(device, model, name, type);

    private static async Task Check(string device, string model, string name, ElementType type)
    {
        using var inner = CudaBackend.Open(device, TestDevices.Require(device), activations: type);
        using var recorder = new AttentionRecorder(inner);
        var trace = (await LlavaCase.Answer(Require(model), model, name, recorder)).Tensors;
        using var golden = LlavaCase.OpenGolden(model, name);

        var parting = PartingLayer(golden, trace);
        TensorComparison.AssertMatches(golden, trace, tensor => IsComparable(tensor, parting) ? tensor : null, tensor => Tolerance(tensor, type));
        if (parting is null) CheckGenerated(golden, trace, type);
        if (LlavaCase.Pruning(model, name) is { } options) CheckDecisions(trace, recorder.Layers, options, golden.Names.Count(IsSelection));
    }

    /// <summary>
    /// Of the largest value. In fp16 what the goldens' README allows: 1e-2 for encoder and projector, 5e-2 for the decoder. bf16 has three bits
    /// of mantissa less, so eight times that. What comes before the first rounding is equal.
    /// </summary>
    private static double Tolerance(string tensor, ElementType type)
    {
        if (tensor.EndsWith("pixel_values", StringComparison.Ordinal)) return 0;
        var fp16 = IsOfDecoder(tensor) ? 5e-2 : 1e-2;
        return type == ElementType.BFloat16 ? 8 * fp16 : fp16;
    }

    private static bool IsOfDecoder(string tensor) => tensor.StartsWith("language.", StringComparison.Ordinal) || tensor.StartsWith("generated.", StringComparison.Ordinal);

    private static bool IsSelection(string tensor) => tensor.EndsWith("keep_indices", StringComparison.Ordinal);

    /// <summary>The encoder layer of a name, −1 for the pixels, the embeddings and the prompt, and more than any for what follows the encoder.</summary>
    private static int LayerOf(string tensor)
    {
        if (tensor.StartsWith("vision.layer.", StringComparison.Ordinal)) return int.Parse(tensor.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture);
        return tensor is "vision.resized" or "vision.pixel_values" or "vision.embeddings" or "prompt.ids" ? -1 : int.MaxValue;
    }

    /// <summary>The first layer that keeps other patches than the golden; null where none does.</summary>
    private static int? PartingLayer(Checkpoint golden, IReadOnlyDictionary<string, TensorData> trace)
    {
        var parted = golden.Names.Where(IsSelection).Where(name => !trace.TryGetValue(name, out var kept) || !golden.Get(name).Bytes.SequenceEqual(kept.Bytes.Span)).Select(LayerOf);
        return parted.Any() ? parted.Min() : null;
    }

    /// <summary>The layer that parts has still scored the same patches, but its output has others. Generated tokens are compared by themselves.</summary>
    private static bool IsComparable(string tensor, int? parting)
    {
        if (tensor.StartsWith("generated.", StringComparison.Ordinal)) return false;
        if (parting is not { } layer) return true;
        return LayerOf(tensor) < layer || (LayerOf(tensor) == layer && !IsSelection(tensor) && !tensor.EndsWith("output", StringComparison.Ordinal));
    }

    /// <summary>The logits of each step up to the one where another token wins: the steps after it have read other tokens.</summary>
    private static void CheckGenerated(Checkpoint golden, IReadOnlyDictionary<string, TensorData> trace, ElementType type)
    {
        long[] expectedIds = MemoryMarshal.Cast<byte, long>(golden.Get("generated.ids").Bytes).ToArray(), ids = MemoryMarshal.Cast<byte, long>(trace["generated.ids"].Bytes.Span).ToArray();
        Assert.Equal(expectedIds.Length, ids.Length);
        if (!golden.TryGet("generated.logits", out var expected)) return;
        var (columns, padded) = ((int)expected.Shape[1], (int)trace["generated.logits"].Shape[1]);
        var reference = new float[expected.ElementCount];
        expected.ReadSingles(reference);
        var logits = MemoryMarshal.Cast<byte, float>(trace["generated.logits"].Bytes.Span);
        var allowed = Tolerance("generated.logits", type) * reference.Max(Math.Abs);
        for (var step = 0; step < Math.Min(expectedIds.AsSpan().CommonPrefixLength(ids) + 1, ids.Length); step++)
        {
            for (var i = 0; i < columns; i++)
            {
                var difference = Math.Abs(logits[step * padded + i] - reference[step * columns + i]);
                Assert.True(difference <= allowed, $"generated.logits[{step}, {i}]: {difference / allowed:P0} of the allowed error");
            }
        }
    }

    /// <summary>Two decisions an event, each also from what the device itself had computed by then.</summary>
    private static void CheckDecisions(IReadOnlyDictionary<string, TensorData> trace, List<LayerInputs> layers, FlowCutOptions options, int events)
    {
        Assert.NotEqual(0, events);
        foreach (var replay in new[] { DecisionReplay.FromScores(trace, options, Patches, LastPruningLayer), DecisionReplay.FromInputs(trace, layers, options, Patches, LastPruningLayer) })
        {
            Assert.True(replay.Differences.Count == 0, string.Join('\n', replay.Differences.Take(20)));
            TestContext.Current.TestOutputHelper!.WriteLine($"{replay.Checked} decisions equal, {replay.TooClose} too close to tell");
            Assert.Equal(4 * events, replay.Checked + replay.TooClose);
            Assert.True(replay.TooClose <= events / 2, $"{replay.TooClose} decisions of {4 * events} are too close to tell");
        }
    }

    private static TheoryData<string, string, string, ElementType> OnEachDevice(IEnumerable<(string Model, string Name, ElementType Type)> cases)
    {
        var data = new TheoryData<string, string, string, ElementType>();
        foreach (var (model, name, type) in cases)
        {
            data.Add(TestDevices.Simulator, model, name, type);
            data.Add(TestDevices.Gpu, model, name, type);
        }

        return data;
    }
}
