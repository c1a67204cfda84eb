using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

public sealed class Qwen2VlPreprocessorTests : IDisposable
{
    private const string Config = """{"image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 0.75], "min_pixels": 784, "max_pixels": 100000}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    /// <summary>Sizes that are multiples already: the matrix is then the picture's bytes in another order.</summary>
    [Fact]
    public void Rows_are_patches_in_squares_and_columns_are_channel_frame_y_x()
    {
        var picture = Noise(84, 56, seed: 1);
        var crop = Load().Prepare(picture);
        Assert.Equal(new PatchGrid(6, 4, 0, 0, 84, 56) { GroupSide = 2 }, crop.Grid);
        Assert.Equal(picture.Pixels, crop.Resized.Pixels);
        Assert.Equal(PlainMatrix(picture, picture), crop.PixelValues);
    }

    [Fact]
    public void Pairs_of_frames_are_crops_and_the_last_one_is_repeated()
    {
        RgbImage[] frames = [Noise(56, 84, 1), Noise(56, 84, 2), Noise(56, 84, 3)];
        var crops = Load().Prepare(frames);
        Assert.Equal(2, crops.Length);
        Assert.Equal(PlainMatrix(frames[0], frames[1]), crops[0].PixelValues);
        Assert.Equal(PlainMatrix(frames[2], frames[2]), crops[1].PixelValues);
        Assert.Equal(frames[2].Pixels, crops[1].Resized.Pixels);
    }

    [Fact]
    public void A_resized_picture_keeps_its_grid_on_the_original()
    {
        var picture = Noise(100, 45, 4);
        var crop = Load().Prepare(picture);
        // round(45/28) = 2, round(100/28) = 4
        Assert.Equal(new PatchGrid(8, 4, 0, 0, 100, 45) { GroupSide = 2 }, crop.Grid);
        var resized = PlainPillow.Resize(picture, 112, 56);
        Assert.Equal(resized.Pixels, crop.Resized.Pixels);
        Assert.Equal(PlainMatrix(resized, resized), crop.PixelValues);
    }

    [Fact]
    public void Frames_of_different_sizes_are_refused()
    {
        var error = Assert.Throws<PictureFormatException>(() => Load().Prepare([Noise(56, 56, 1), new RgbImage(56, 84, new byte[56 * 84 * 3]) { Name = "second.png" }]));
        Assert.Contains("second.png", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Load().Prepare([]));
    }

    [Fact]
    public void A_picture_that_is_too_narrow_is_refused_by_name()
    {
        var error = Assert.Throws<PictureFormatException>(() => Load().Prepare(new RgbImage(1, 201, new byte[603]) { Name = "thin.png" }));
        Assert.Contains("thin.png", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The processor's view and permutation, index by index.</summary>
    private static float[] PlainMatrix(RgbImage first, RgbImage second)
    {
        float[] mean = [0.5f, 0.25f, 0.125f], deviation = [0.5f, 0.25f, 0.75f];
        var values =
            from blockRow in Enumerable.Range(0, first.Height / 28)
            from blockColumn in Enumerable.Range(0, first.Width / 28)
            from row in Enumerable.Range(0, 2)
            from column in Enumerable.Range(0, 2)
            from channel in Enumerable.Range(0, 3)
            from frame in new[] { first, second }
            from y in Enumerable.Range(blockRow * 28 + row * 14, 14)
            from x in Enumerable.Range(blockColumn * 28 + column * 14, 14)
            let value = frame.Pixels[(y * frame.Width + x) * 3 + channel]
            select ((float)(value * (1 / 255.0)) - mean[channel]) / deviation[channel];
        return [.. values];
    }

    private static RgbImage Noise(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    private Qwen2VlPreprocessor Load()
    {
        var file = Path.Combine(_folder, "preprocessor_config.json");
        File.WriteAllText(file, Config);
        return Qwen2VlPreprocessor.Load(file);
    }
}
