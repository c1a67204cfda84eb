using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Vision;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Families;

public class MemoryNeedsTests
{
    private const long Gigabyte = 1L << 30;
    private static readonly ModelDescription s_seven = new()
    {
        ModelType = "llava",
        Family = "LLaVA-1.5",
        Layout = "Hugging Face",
        Form = PictureForm.Square,
        PictureTokens = 576,
        Vision = VisionConfig.Large336,
        VisionLayersRun = 23,
        Language = LanguageConfig.Vicuna7B,
    };

    private static readonly MemoryNeeds s_needs = new(s_seven, 7_063_427_072, StoredType.Float16);

    [Fact]
    public void Llava_of_seven_billion_weights_by_hand()
    {
        Assert.Equal(2 * 7_063_427_072, s_needs.Weights(StoredType.Float16));
        // a token's keys and values: 2 of 32 layers of 4096 numbers
        var cache = 512 * 2L * 32 * 4096 * 2;
        var difference = s_needs.Total(StoredType.Float16, 576, 168) - s_needs.Total(StoredType.Float16, 64, 168);
        Assert.InRange(difference, cache, cache + cache / 10 + 512L * 4 * 11008 * 2);
        Assert.InRange(s_needs.Total(StoredType.Float16, 576, 168), 13.6 * Gigabyte, 13.7 * Gigabyte);
    }

    [Theory]
    [InlineData(24, StoredType.Float32, 576, "with dtype f16 it takes 13.6 GiB and would fit")]
    [InlineData(13.5, StoredType.Float16, 576, "with keep 192 it takes 13.4 GiB and would fit")]
    [InlineData(13.35, StoredType.Float32, 576, "with dtype f16 and keep 64 it takes 13.3 GiB and would fit")]
    [InlineData(12, StoredType.Float32, 576, "at the least 13.3 GiB (dtype f16, keep 32)")]
    [InlineData(12, StoredType.Float16, 16, "at the least 13.3 GiB (dtype f16, keep 16)")]
    public void The_advice_is_the_smallest_change_that_fits(double free, StoredType type, int visual, string expected)
    {
        var cause = new DeviceOutOfMemoryException(1 << 20, (long)(free * Gigabyte), 80 * Gigabyte, 0, 0, new InvalidOperationException());
        var e = ModelOutOfMemoryException.Of(cause, s_needs, 0, type, visual, 168);
        Assert.StartsWith(cause.Message + "\nThe model takes about ", e.Message);
        Assert.Contains(expected, e.Message);
    }

    /// <summary>What is estimated is near what a run of a tiny model then holds, pictures as large as the model cuts them.</summary>
    [Theory]
    [InlineData("llava-1.5-tiny", ElementType.Float32, StoredType.Float32, 8, 8)]
    [InlineData("llava-1.5-tiny", ElementType.Float16, StoredType.Float16, 8, 8)]
    [InlineData("llava-next-tiny", ElementType.Float16, StoredType.Float16, 400, 400)]
    [InlineData("internvl2-tiny-internlm2", ElementType.BFloat16, StoredType.BFloat16, 336, 224)]
    [InlineData("qwen2-vl-tiny", ElementType.BFloat16, StoredType.BFloat16, 448, 448)]
    public void A_run_takes_about_what_was_estimated(string folder, ElementType type, StoredType stored, int width, int height)
    {
        using var backend = CudaBackend.Open("sim", TestDevices.Require(TestDevices.Simulator), activations: type);
        using var model = VisionLanguageModel.Load(Require(folder), new LoadOptions { Backend = backend });
        var picture = new FlowCut.Models.Imaging.RgbImage(width, height, new byte[width * height * 3]);
        var encoded = model.Encode([model.Prepare(picture)], new FlowCutStrategy(FlowCutOptions.Released(16)), cancellation: TestContext.Current.CancellationToken);
        var prompt = model.Tokenize([new ChatTurn("What is it?")], 1, new GenerationOptions());
        using var session = model.Prefill(prompt, encoded, 100, cancellation: TestContext.Current.CancellationToken);
        var facts = ModelFacts.Read(Require(folder));
        const long products = 32L << 20;
        var visual = encoded[0].Tokens.Rows;
        var estimate = facts.Needs.Total(stored, visual, session.Length - visual + 100) - products;
        Assert.InRange(backend.PeakBytes, 0.85 * estimate, 1.15 * estimate);
        foreach (var e in encoded) e.Dispose();
    }
}
