using System.Runtime.InteropServices;
using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// How many selections and answers of the fp32 goldens stay the same with 16-bit activations, and how many more are lost where what
/// the runtime keeps in fp32 is rounded too. The results stand in docs/decisions.md. Each line takes a minute or more; run with
/// -explicit only.
/// </summary>
public class PrecisionStudy
{
    private const Kept32 Everything = Kept32.Residual | Kept32.Scores | Kept32.Exports | Kept32.Logits;

    public static TheoryData<string, ElementType, Kept32> Lines()
    {
        var data = new TheoryData<string, ElementType, Kept32>();
        foreach (var model in new[] { "llava-1.5-tiny", "llava-1.5-mid" })
        {
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            {
                foreach (var rounded in new[] { Kept32.None, Kept32.Residual, Kept32.Scores, Kept32.Exports, Kept32.Logits, Everything }) data.Add(model, type, rounded);
            }
        }

        return data;
    }

    /// <summary>Every selection of every pruned case: whole events, and patches of the last one.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(Lines))]
    public void Selections_that_equal_those_of_fp32(string model, ElementType type, Kept32 rounded)
    {
        using var inner = Open(type);
        using var backend = new RoundingBackend(inner, rounded);
        using var loaded = VisionLanguageModel.Load(Require(model), new LoadOptions { Backend = backend });
        int equal = 0, all = 0, samePatches = 0, patches = 0;
        foreach (var name in Cases(model).Where(name => !name.EndsWith("full", StringComparison.Ordinal)).Concat(model == "llava-1.5-tiny" ? ["batch-t16"] : []))
        {
            using var golden = LlavaCase.OpenGolden(model, name);
            string[] pictures = name.StartsWith("batch", StringComparison.Ordinal) ? ["chelsea", "astronaut"] : [name[..name.LastIndexOf('-')]];
            var trace = new Trace();
            var prepared = pictures.Select(picture => loaded.Prepare(LlavaCase.Resized($"traces/{model}/{picture}-full.safetensors"))).ToArray();
            foreach (var encoded in loaded.Encode(prepared, new FlowCutStrategy(LlavaCase.Pruning(model, name) ?? throw new InvalidOperationException($"{name} has no target.")), trace, TestContext.Current.CancellationToken)) encoded.Dispose();
            foreach (var tensor in golden.Names.Where(n => n.EndsWith("keep_indices", StringComparison.Ordinal)))
            {
                long[] expected = Indices(golden.Get(tensor).Bytes), actual = trace.Tensors.TryGetValue(tensor, out var kept) ? Indices(kept.Bytes.Span) : [];
                all++;
                if (expected.SequenceEqual(actual)) equal++;
                if (!tensor.Contains(".21.", StringComparison.Ordinal)) continue;
                patches += expected.Length;
                samePatches += expected.Intersect(actual).Count();
            }
        }

        Assert.NotEqual(0, all);
        Assert.NotEqual(0, patches);
        TestContext.Current.TestOutputHelper!.WriteLine($"| {model} | {type} | {rounded} | {equal} of {all} events | {samePatches} of {patches} last patches |");
    }

    /// <summary>Every answer, pruned or not.</summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(Lines))]
    public async Task Answers_that_equal_those_of_fp32(string model, ElementType type, Kept32 rounded)
    {
        using var inner = Open(type);
        using var backend = new RoundingBackend(inner, rounded);
        int equal = 0, all = 0;
        foreach (var name in Cases(model))
        {
            using var golden = LlavaCase.OpenGolden(model, name);
            var trace = await LlavaCase.Answer(Require(model), model, name, backend);
            all++;
            if (golden.Get("generated.ids").Bytes.SequenceEqual(trace.Tensors["generated.ids"].Bytes.Span)) equal++;
        }

        Assert.NotEqual(0, all);
        TestContext.Current.TestOutputHelper!.WriteLine($"| {model} | {type} | {rounded} | {equal} of {all} answers |");
    }

    private static CudaBackend Open(ElementType type) => CudaBackend.Open("sim", TestDevices.Require(TestDevices.Simulator), activations: type);

    private static IEnumerable<string> Cases(string model)
    {
        var isMid = model == "llava-1.5-mid";
        string[] pictures = isMid ? ["chelsea", "coffee-wide"] : ["chelsea", "astronaut", "rocket"], budgets = isMid ? ["full", "t64", "t128", "t192"] : ["full", "t8", "t16", "t32"];
        return pictures.SelectMany(picture => budgets.Select(budget => $"{picture}-{budget}"));
    }

    private static long[] Indices(ReadOnlySpan<byte> bytes) => MemoryMarshal.Cast<byte, long>(bytes).ToArray();
}
