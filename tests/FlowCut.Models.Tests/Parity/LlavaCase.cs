using FlowCut.Models.Backends;
using FlowCut.Models.Cases;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>One golden case of LLaVA-1.5, as an assertion.</summary>
internal static class LlavaCase
{
    /// <summary>Every tensor of the trace within its tolerance, indices and ids identical. The CPU's backend where none is given.</summary>
    public static async Task Check(string modelFolder, string traceFolder, string name, Backend? backend = null)
    {
        var (differences, compared) = await LlavaAnswer.Compare(modelFolder, Traces(traceFolder, name), name, backend, TestContext.Current.CancellationToken);
        Assert.NotEqual(0, compared);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} tensors differ:\n" + string.Join('\n', differences.Take(20)));
    }

    /// <summary>The recorded tensors of a case.</summary>
    public static Checkpoint OpenGolden(string traceFolder, string name) => Checkpoint.Open(Require($"traces/{traceFolder}/{name}.safetensors"));

    /// <summary>The released FlowCut with the case's target; null where the case is unpruned.</summary>
    public static FlowCutOptions? Pruning(string traceFolder, string name) => LlavaAnswer.Pruning(Traces(traceFolder, name), name);

    /// <summary>Answers as the case was answered.</summary>
    public static Task<Trace> Answer(string modelFolder, string traceFolder, string name, Backend? backend = null) =>
        LlavaAnswer.Run(modelFolder, Traces(traceFolder, name), name, backend, TestContext.Current.CancellationToken);

    /// <summary>A picture that is already as large as the encoder wants it.</summary>
    public static RgbImage Resized(string file) => LlavaAnswer.Resized(Require(file));

    private static string Traces(string traceFolder, string name) => Path.GetDirectoryName(Require($"traces/{traceFolder}/{name}.json"))!;
}
