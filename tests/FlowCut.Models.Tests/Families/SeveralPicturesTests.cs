using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Families;

/// <summary>Several pictures in one prompt are no batch: none has an influence on what another keeps (spec/flowcut.md, section 3).</summary>
public class SeveralPicturesTests
{
    [Theory]
    [InlineData(CountPolicy.Shared)]
    [InlineData(CountPolicy.PerTile)]
    public void Each_is_pruned_as_if_it_were_alone(CountPolicy count)
    {
        using var backend = new CpuBackend();
        using var model = VisionLanguageModel.Load(Require("qwen2-vl-tiny"), new LoadOptions { Backend = backend });
        var strategy = new FlowCutStrategy(FlowCutOptions.Released(4) with { Count = count });
        // the second has no more groups than the encoder keeps
        PreprocessedPicture[] pictures = [model.Prepare(Picture(1, 224, 168)), model.Prepare(Picture(2, 56, 84)), model.Prepare(Picture(3, 140, 280))];
        var together = model.Encode(pictures, strategy, cancellation: TestContext.Current.CancellationToken);
        for (var i = 0; i < pictures.Length; i++)
        {
            using var alone = model.Encode([pictures[i]], strategy, cancellation: TestContext.Current.CancellationToken)[0];
            Assert.Equal(alone.Records[0].Kept, together[i].Records[0].Kept);
            Assert.Equal(alone.Numbers, together[i].Numbers);
            Assert.Equal(Layers(alone), Layers(together[i]));
            Assert.Equal(Math.Min(8, pictures[i].Tokens), together[i].Tokens.Rows);
            Assert.Equal(Values(alone), Values(together[i]));
        }

        foreach (var picture in together) picture.Dispose();

        float[] Values(EncodedPicture picture)
        {
            var values = new float[picture.Tokens.Rows * picture.Tokens.Columns];
            backend.Download(picture.Tokens, values);
            return values;
        }
    }

    private static IEnumerable<(int, int, double, string?)> Layers(EncodedPicture picture) =>
        picture.Records[0].Layers.Select(l => (l.Layer, l.Alive, l.EntropyRatio, l.Kept is null ? null : string.Join(' ', l.Kept)));

    private static RgbImage Picture(int seed, int width, int height)
    {
        var random = new Random(seed);
        var pixels = new byte[3 * width * height];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(random.Next(120) + (i / 3 % width > width / 2 ? 100 : 0));
        return new RgbImage(width, height, pixels);
    }
}
