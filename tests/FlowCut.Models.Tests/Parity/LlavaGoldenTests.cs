using System.Text.Json;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// Whole answers of LLaVA-1.5 against what the authors' code computes: pictures, every layer's scores and selections,
/// features, logits, tokens. The picture comes in as stored pixels ('vision.resized'), so these tests need no decoder.
/// </summary>
public class LlavaGoldenTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var picture in new[] { "chelsea", "astronaut", "rocket" })
        {
            foreach (var budget in new[] { "full", "t8", "t16", "t32" }) data.Add("llava-1.5-tiny", $"{picture}-{budget}");
        }

        foreach (var picture in new[] { "chelsea", "coffee-wide" })
        {
            foreach (var budget in new[] { "full", "t64", "t128", "t192" }) data.Add("llava-1.5-mid", $"{picture}-{budget}");
        }

        data.Add("llava-1.5-mini-renamed", "camera-grey-full");
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public Task An_answer_equals_the_golden_tensor_by_tensor(string model, string name) => LlavaCase.Check(Require(model), model, name);

    [Theory]
    [InlineData("chelsea-full")]
    [InlineData("chelsea-t16")]
    [InlineData("rocket-t8")]
    public Task The_original_layout_gives_the_same(string name)
    {
        Require("clip-vit-tiny-patch14-112");
        return LlavaCase.Check(Require("llava-1.5-tiny-original"), "llava-1.5-tiny", name);
    }

    [Fact]
    public async Task Two_pictures_in_a_batch_share_their_counts()
    {
        const string folder = "traces/llava-1.5-tiny/";
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(Require(folder + "batch-t16.json"), TestContext.Current.CancellationToken));
        using var golden = Checkpoint.Open(Require(folder + "batch-t16.safetensors"));
        using var model = VisionLanguageModel.Load(Require("llava-1.5-tiny"));
        var trace = new Trace();
        var pictures = new[] { "chelsea", "astronaut" }.Select(p => model.Prepare(LlavaCase.Resized(folder + p + "-full.safetensors"))).ToArray();
        var encoded = model.Encode(pictures, new FlowCutStrategy(FlowCutOptions.Released(16)), trace, TestContext.Current.CancellationToken);

        var prompt = model.Tokenize([new ChatTurn(json.RootElement.GetProperty("prompt").GetString()!)], 1, new GenerationOptions { RawPrompt = true });
        for (var i = 0; i < encoded.Length; i++)
        {
            var own = new Trace();
            own.Add("prompt.ids", prompt.Ids);
            using var session = model.Prefill(prompt, [encoded[i]], 16, trace: own, cancellation: TestContext.Current.CancellationToken);
            var ids = new List<int>();
            var logits = new List<float>();
            while (ids.Count < 16)
            {
                if (ids.Count > 0) session.Append(ids[^1], TestContext.Current.CancellationToken);
                logits.AddRange(session.Logits);
                ids.Add(session.ArgMax(model.Tokenizer.MaxId + 1));
            }

            own.Add("generated.ids", [.. ids]);
            own.Add("generated.logits", [.. logits], ids.Count, logits.Count / ids.Count);
            var number = i;
            TensorComparison.AssertMatches(golden, own.Tensors, name => name.StartsWith($"image.{number}.", StringComparison.Ordinal) && !name.Contains("vision", StringComparison.Ordinal) && !name.Contains("projector", StringComparison.Ordinal) ? name[8..] : null);
        }

        TensorComparison.AssertMatches(golden, trace.Tensors, name => name.Contains("vision", StringComparison.Ordinal) || name.Contains("projector", StringComparison.Ordinal) ? name : null);
        foreach (var picture in encoded) picture.Dispose();
    }
}
