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
        using var golden = OpenGolden(traceFolder, name);
        var trace = await Answer(modelFolder, traceFolder, name, backend);
        TensorComparison.AssertMatches(golden, trace.Tensors);
    }

    /// <summary>The recorded tensors of a case.</summary>
    public static Checkpoint OpenGolden(string traceFolder, string name) => Checkpoint.Open(Require($"traces/{traceFolder}/{name}.safetensors"));

    /// <summary>The released FlowCut with the case's target; null where the case is unpruned.</summary>
    public static FlowCutOptions? Pruning(string traceFolder, string name)
    {
        using var json = OpenFacts(traceFolder, name);
        var target = json.RootElement.GetProperty("target");
        return target.ValueKind == JsonValueKind.Null ? null : FlowCutOptions.Released(target.GetInt32());
    }

    /// <summary>Answers as the case was answered; the text is that of the tokens.</summary>
    public static async Task<Trace> Answer(string modelFolder, string traceFolder, string name, Backend? backend = null)
    {
        using var json = OpenFacts(traceFolder, name);
        using var model = VisionLanguageModel.Load(modelFolder, new LoadOptions { Backend = backend });
        var trace = new Trace();
        var answer = model.GenerateAsync(
            [new ChatTurn(json.RootElement.GetProperty("prompt").GetString()!)],
            [Resized($"traces/{traceFolder}/{name[..name.LastIndexOf('-')]}-full.safetensors")],
            new GenerationOptions
            {
                RawPrompt = true,
                IgnoreEndTokens = true,
                MaxTokens = json.RootElement.GetProperty("steps").GetInt32(),
                Pruning = Pruning(traceFolder, name) is { } options ? new FlowCutStrategy(options) : null,
                Trace = trace,
            });
        var text = new StringBuilder();
        await foreach (var piece in answer.WithCancellation(TestContext.Current.CancellationToken)) text.Append(piece.Text);
        Assert.Equal(model.Tokenizer.Decode([.. answer.Tokens], skipSpecial: true), text.ToString());
        return trace;
    }

    /// <summary>A picture that is already as large as the encoder wants it: preparing it again changes nothing.</summary>
    public static RgbImage Resized(string file)
    {
        using var golden = Checkpoint.Open(Require(file));
        var tensor = golden.Get("vision.resized");
        return new RgbImage((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Bytes.ToArray());
    }

    private static JsonDocument OpenFacts(string traceFolder, string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Require($"traces/{traceFolder}/{name}.json")));
}
