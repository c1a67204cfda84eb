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
    /// <summary>Every tensor of the trace within its tolerance, indices and ids identical.</summary>
    /// <param name="modelFolder">The checkpoint.</param>
    /// <param name="traces">Folder of the traces of this model.</param>
    /// <param name="name">Of the case: chelsea-t16.</param>
    /// <param name="backend">Not owned; the CPU's where none is given.</param>
    /// <param name="cancellation">Between tokens.</param>
    /// <returns>What differs, one line each, and how many tensors were compared.</returns>
    /// <exception cref="InvalidDataException">The streamed text is not that of the ids.</exception>
    public static async Task<(IReadOnlyList<string> Differences, int Compared)> Compare(string modelFolder, string traces, string name, Backend? backend, CancellationToken cancellation)
    {
        using var golden = Checkpoint.Open(Path.Combine(traces, name + ".safetensors"));
        var trace = await Run(modelFolder, traces, name, backend, cancellation);
        return TensorDifferences.Find(golden, trace.Tensors);
    }

    /// <summary>Answers as the case was answered.</summary>
    /// <exception cref="InvalidDataException">The streamed text is not that of the ids.</exception>
    public static async Task<Trace> Run(string modelFolder, string traces, string name, Backend? backend, CancellationToken cancellation)
    {
        using var json = OpenFacts(traces, name);
        using var model = VisionLanguageModel.Load(modelFolder, new LoadOptions { Backend = backend });
        var trace = new Trace();
        var answer = model.GenerateAsync(
            [new ChatTurn(json.RootElement.GetProperty("prompt").GetString()!)],
            [Resized(Path.Combine(traces, name[..name.LastIndexOf('-')] + "-full.safetensors"))],
            new GenerationOptions
            {
                RawPrompt = true,
                IgnoreEndTokens = true,
                MaxTokens = json.RootElement.GetProperty("steps").GetInt32(),
                Pruning = Pruning(traces, name) is { } options ? new FlowCutStrategy(options) : null,
                Trace = trace,
            });
        var text = new StringBuilder();
        await foreach (var piece in answer.WithCancellation(cancellation)) text.Append(piece.Text);
        var whole = model.Tokenizer.Decode([.. answer.Tokens], skipSpecial: true);
        return whole == text.ToString() ? trace : throw new InvalidDataException($"{name}: the streamed text '{text}' is not that of the ids, '{whole}'");
    }

    /// <summary>The released FlowCut with the case's target; null where the case is unpruned.</summary>
    public static FlowCutOptions? Pruning(string traces, string name)
    {
        using var json = OpenFacts(traces, name);
        var target = json.RootElement.GetProperty("target");
        return target.ValueKind == JsonValueKind.Null ? null : FlowCutOptions.Released(target.GetInt32());
    }

    /// <summary>A picture that is already as large as the encoder wants it: preparing it again changes nothing.</summary>
    public static RgbImage Resized(string file)
    {
        using var golden = Checkpoint.Open(file);
        var tensor = golden.Get("vision.resized");
        return new RgbImage((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Bytes.ToArray());
    }

    private static JsonDocument OpenFacts(string traces, string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(traces, name + ".json")));
}
