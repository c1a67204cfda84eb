using System.Text;
using System.Text.Json;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Cases;

/// <summary>One golden answer of LLaVA-1.5, computed on any backend and compared with the recorded trace.</summary>
public static class LlavaAnswer
{
    /// <summary>Every tensor of the trace within its tolerance, indices and ids identical, the streamed text that of the ids.</summary>
    /// <param name="modelFolder">The checkpoint.</param>
    /// <param name="traces">Folder of the traces of this model.</param>
    /// <param name="name">Of the case: chelsea-t16.</param>
    /// <param name="backend">Not owned; the CPU's where none is given.</param>
    /// <param name="cancellation">Between tokens.</param>
    /// <returns>What differs, one line each, and how many tensors were compared.</returns>
    public static async Task<(IReadOnlyList<string> Differences, int Compared)> Compare(string modelFolder, string traces, string name, Backend? backend, CancellationToken cancellation)
    {
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(traces, name + ".json"), cancellation));
        using var golden = Checkpoint.Open(Path.Combine(traces, name + ".safetensors"));
        using var model = VisionLanguageModel.Load(modelFolder, new LoadOptions { Backend = backend });
        var facts = json.RootElement;
        var trace = new Trace();
        var target = facts.GetProperty("target");
        var answer = model.GenerateAsync(
            [new ChatTurn(facts.GetProperty("prompt").GetString()!)],
            [Resized(Path.Combine(traces, name[..name.LastIndexOf('-')] + "-full.safetensors"))],
            new GenerationOptions
            {
                RawPrompt = true,
                IgnoreEndTokens = true,
                MaxTokens = facts.GetProperty("steps").GetInt32(),
                Pruning = target.ValueKind == JsonValueKind.Null ? null : new FlowCutStrategy(FlowCutOptions.Released(target.GetInt32())),
                Trace = trace,
            });
        var text = new StringBuilder();
        await foreach (var piece in answer.WithCancellation(cancellation)) text.Append(piece.Text);
        var (differences, compared) = TensorDifferences.Find(golden, trace.Tensors);
        var whole = model.Tokenizer.Decode([.. answer.Tokens], skipSpecial: true);
        return whole == text.ToString() ? (differences, compared) : ([.. differences, $"the streamed text '{text}' is not that of the ids, '{whole}'"], compared);
    }

    /// <summary>A picture that is already as large as the encoder wants it: preparing it again changes nothing.</summary>
    public static RgbImage Resized(string file)
    {
        using var golden = Checkpoint.Open(file);
        var tensor = golden.Get("vision.resized");
        return new RgbImage((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Bytes.ToArray());
    }
}
