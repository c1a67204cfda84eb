using FlowCut.Models.Backends;
using FlowCut.Models.Cases;
using FlowCut.Models.Imaging;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>One golden case of LLaVA-1.5, as an assertion.</summary>
internal static class LlavaCase
{
    /// <summary>Every tensor of the trace within its tolerance, indices and ids identical. The CPU's backend where none is given.</summary>
    public static async Task Check(string modelFolder, string traceFolder, string name, Backend? backend = null)
    {
        var traces = Path.GetDirectoryName(Require($"traces/{traceFolder}/{name}.safetensors"))!;
        var (differences, compared) = await LlavaAnswer.Compare(modelFolder, traces, name, backend, TestContext.Current.CancellationToken);
        Assert.NotEqual(0, compared);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} tensors differ:\n" + string.Join('\n', differences.Take(20)));
    }

    /// <summary>A picture that is already as large as the encoder wants it.</summary>
    public static RgbImage Resized(string file) => LlavaAnswer.Resized(Require(file));
}
