using System.Text;
using System.Text.Json;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>One golden case of LLaVA-1.5: an answer on any backend against the recorded trace.</summary>
internal static class LlavaCase
{
    /// <summary>Every tensor of the trace within its tolerance, indices and ids identical. The CPU's backend where none is given.</summary>
    public static async Task Check(string modelFolder, string traceFolder, string name, Backend? backend = null)
    {
        var folder = $"traces/{traceFolder}/";
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(Require(folder + name + ".json"), TestContext.Current.CancellationToken));
        using var golden = Checkpoint.Open(Require(folder + name + ".safetensors"));
        using var model = VisionLanguageModel.Load(modelFolder, new LoadOptions { Backend = backend });
        var facts = json.RootElement;
        var trace = new Trace();
        var target = facts.GetProperty("target");
        var answer = model.GenerateAsync(
            [new ChatTurn(facts.GetProperty("prompt").GetString()!)],
            [Resized(folder + name[..name.LastIndexOf('-')] + "-full.safetensors")],
            new GenerationOptions
            {
                RawPrompt = true,
                IgnoreEndTokens = true,
                MaxTokens = facts.GetProperty("steps").GetInt32(),
                Pruning = target.ValueKind == JsonValueKind.Null ? null : new FlowCutStrategy(FlowCutOptions.Released(target.GetInt32())),
                Trace = trace,
            });
        var text = new StringBuilder();
        await foreach (var piece in answer.WithCancellation(TestContext.Current.CancellationToken)) text.Append(piece.Text);
        TensorComparison.AssertMatches(golden, trace.Tensors);
        Assert.Equal(model.Tokenizer.Decode([.. answer.Tokens], skipSpecial: true), text.ToString());
    }

    /// <summary>A picture that is already as large as the encoder wants it: preparing it again changes nothing.</summary>
    public static RgbImage Resized(string file)
    {
        using var golden = Checkpoint.Open(Require(file));
        var tensor = golden.Get("vision.resized");
        return new RgbImage((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Bytes.ToArray());
    }
}
