using System.Text;
using System.Text.Json;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

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

    /// <summary>
    /// The encoder as one recorded piece of work (<see cref="EncoderWork.Recorded"/>): queued, recorded and repeated, with prompts of
    /// other lengths in between, its kept patches and projected tokens are the trace's each time.
    /// </summary>
    /// <param name="modelFolder">The checkpoint.</param>
    /// <param name="traces">Folder of the traces of this model.</param>
    /// <param name="name">Of the case.</param>
    /// <param name="backend">Not owned.</param>
    /// <returns>What differs, one line each.</returns>
    public static IReadOnlyList<string> CompareRecorded(string modelFolder, string traces, string name, Backend backend)
    {
        using var golden = Checkpoint.Open(Path.Combine(traces, name + ".safetensors"));
        using var model = VisionLanguageModel.Load(modelFolder, new LoadOptions { Backend = backend, EncoderWork = EncoderWork.Recorded });
        var picture = model.Prepare(Resized(Path.Combine(traces, name[..name.LastIndexOf('-')] + "-full.safetensors")));
        var tokens = golden.Get("projector.output");
        var expected = new float[tokens.ElementCount];
        tokens.ReadSingles(expected);
        var allowed = TensorDifferences.Tolerance("projector.output") * expected.Max(Math.Abs);
        var differences = new List<string>();
        for (var repetition = 0; repetition < 3; repetition++)
        {
            var strategy = Pruning(traces, name) is { } options ? new FlowCutStrategy(options) : null;
            using var encoded = model.Encode([picture], strategy)[0];
            var actual = new float[encoded.Tokens.Rows * encoded.Tokens.Columns];
            backend.Download(encoded.Tokens, actual);
            if (actual.Length != expected.Length) differences.Add($"repetition {repetition}: {encoded.Tokens.Rows} tokens, expected {tokens.Shape[0]}");
            else if (actual.Zip(expected, (a, b) => Math.Abs((double)a - b)).Max() is var worst && !(worst <= allowed)) differences.Add($"repetition {repetition}: projector.output differs by {worst:G3}, {allowed:G3} are allowed");
            model.Prefill(new PromptTokens([.. Enumerable.Range(1, 20 + 70 * repetition)]), [], 1).Dispose();
        }

        return differences;
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
