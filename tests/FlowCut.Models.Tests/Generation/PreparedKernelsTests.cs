using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Generation;

public class PreparedKernelsTests
{
    /// <summary>The rehearsal has to find what the work then uses: nothing is compiled after loading.</summary>
    [Theory]
    [InlineData("llava-1.5-tiny", ElementType.Float16)]
    [InlineData("llava-1.5-tiny", ElementType.BFloat16)]
    [InlineData("llava-1.5-tiny", ElementType.Float32)]
    [InlineData("llava-1.5-mini-renamed", ElementType.Float16)]
    public async Task Answers_need_no_further_kernel(string folder, ElementType type)
    {
        var cache = Directory.CreateTempSubdirectory("flowcut-test-");
        try
        {
            using var backend = CudaBackend.Open("sim", TestDevices.Require(TestDevices.Simulator), activations: type, cache: new KernelCache(cache.FullName));
            using var model = VisionLanguageModel.Load(Require(folder), new LoadOptions { Backend = backend });
            var prepared = backend.CompiledKernels;
            Assert.InRange(prepared, 10, 60);
            var picture = new RgbImage(50, 40, [.. Enumerable.Range(0, 50 * 40 * 3).Select(i => (byte)(i * 7919))]);
            foreach (var keep in new int?[] { null, 16, 40 })
            {
                if (keep is not null && model.Description.VisionLayersRun < 2) continue;
                var options = new GenerationOptions { MaxTokens = 3, IgnoreEndTokens = true, Pruning = keep is { } n ? new FlowCutStrategy(FlowCutOptions.Released(n)) : null };
                await foreach (var piece in model.GenerateAsync("What is it?", picture, options).WithCancellation(TestContext.Current.CancellationToken)) Assert.True(piece.Token >= 0);
            }

            Assert.True(prepared == backend.CompiledKernels, $"after {prepared} kernels: {string.Join(", ", Directory.GetFiles(cache.FullName, "*.json").OrderBy(File.GetLastWriteTimeUtc).Skip(prepared).Select(File.ReadAllText))}");
        }
        finally
        {
            cache.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_rehearsal_launches_nothing_and_leaves_nothing()
    {
        using var backend = CudaBackend.Open("sim", TestDevices.Require(TestDevices.Simulator));
        using var model = VisionLanguageModel.Load(Require("llava-1.5-tiny"), new LoadOptions { Backend = backend, PrepareKernels = false });
        var (launches, compiled) = (backend.Launches, backend.CompiledKernels);
        using var unprepared = VisionLanguageModel.Load(Require("llava-1.5-tiny"), new LoadOptions { Backend = backend, PrepareKernels = false });
        var loading = backend.Launches - launches;
        using var prepared = VisionLanguageModel.Load(Require("llava-1.5-tiny"), new LoadOptions { Backend = backend });
        Assert.Equal(launches + 2 * loading, backend.Launches);
        Assert.False(KernelSet.IsRehearsing);
        Assert.True(backend.CompiledKernels >= compiled);
    }
}
