using CsCheck;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

/// <summary>Crops against the plain way: the whole picture resized by plain loops, then cut pixel by pixel.</summary>
public sealed class CropPreprocessorTests : IDisposable
{
    private const int Tile = 28;
    private const string Statistics = """ "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 0.75] """;

    private static readonly Gen<RgbImage> s_pictures =
        from width in Gen.Int[1, 90]
        from height in Gen.Int[1, 90]
        from pixels in Gen.Byte.Array[width * height * 3]
        select new RgbImage(width, height, pixels);

    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    [Fact]
    public void Tiles_of_a_padded_canvas()
    {
        var pinpoints = JsonSection.Read(Write("config.json", """{"image_grid_pinpoints": [[28, 56], [56, 28], [56, 56], [84, 28], [28, 84]]}"""));
        var preprocessor = AnyResPreprocessor.Load(Write("preprocessor_config.json", """{"size": 28, "crop_size": 28, """ + Statistics + "}"), pinpoints);
        Gen.Select(s_pictures, Gen.Enum<PreprocessMode>()).Sample((picture, mode) =>
        {
            var layout = preprocessor.Layout(picture.Width, picture.Height, mode);
            var place = layout.Picture;
            var resized = PlainPillow.Resize(picture, place.Width, place.Height);
            var crops = preprocessor.Prepare(picture, mode, 14);
            Assert.Equal(1 + layout.Columns * layout.Rows, crops.Length);
            AssertCrop(crops[0], PlainPillow.Resize(picture, Tile, Tile), 0, 0);
            Assert.Equal(new PatchGrid(2, 2, 0, 0, picture.Width, picture.Height), crops[0].Grid);
            for (var number = 1; number < crops.Length; number++)
            {
                int left = (number - 1) % layout.Columns * Tile - place.Left, top = (number - 1) / layout.Columns * Tile - place.Top;
                AssertCrop(crops[number], resized, left, top);
                AssertGrid(crops[number].Grid, picture, resized, left, top);
            }
        }, iter: 200);
    }

    [Fact]
    public void Tiles_of_a_stretched_picture_and_a_thumbnail()
    {
        var preprocessor = InternVlPreprocessor.Load(Write("preprocessor_config.json", "{" + Statistics + "}"), new DynamicTiling(Tile, 1, 6, true));
        s_pictures.Sample(picture =>
        {
            var (columns, rows) = preprocessor.Tiling.Choose(picture.Width, picture.Height);
            var resized = PlainPillow.Resize(picture, columns * Tile, rows * Tile);
            var crops = preprocessor.Prepare(picture, 14);
            Assert.Equal(columns * rows == 1 ? 1 : columns * rows + 1, crops.Length);
            for (var number = 0; number < columns * rows; number++)
            {
                AssertCrop(crops[number], resized, number % columns * Tile, number / columns * Tile);
                AssertGrid(crops[number].Grid, picture, resized, number % columns * Tile, number / columns * Tile);
            }

            AssertCrop(crops[^1], PlainPillow.Resize(picture, Tile, Tile), 0, 0, onlyIf: crops.Length > 1);
            if (crops.Length > 1) Assert.Equal(new PatchGrid(2, 2, 0, 0, picture.Width, picture.Height), crops[^1].Grid);
        }, iter: 200);
    }

    [Fact]
    public void A_square_that_does_not_keep_the_aspect()
    {
        var preprocessor = SiglipPreprocessor.Load(Write("preprocessor_config.json", """{"size": {"width": 28, "height": 28}, """ + Statistics + "}"));
        s_pictures.Sample(picture =>
        {
            var crop = preprocessor.Prepare(picture, 14);
            AssertCrop(crop, PlainPillow.Resize(picture, Tile, Tile), 0, 0);
            Assert.Equal(new PatchGrid(2, 2, 0, 0, picture.Width, picture.Height), crop.Grid);
        }, iter: 100);
    }

    [Fact]
    public void Pictures_that_become_too_large_are_refused_by_name()
    {
        var flat = new RgbImage(40, 40, new byte[3 * 1600]) { Name = "flat.png" };
        var siglip = SiglipPreprocessor.Load(Write("preprocessor_config.json", """{"size": {"width": 20000, "height": 20000}, """ + Statistics + "}"));
        var error = Assert.Throws<PictureFormatException>(() => siglip.Prepare(flat, 14));
        Assert.Contains("flat.png", error.Message, StringComparison.Ordinal);
        var internVl = InternVlPreprocessor.Load("", new DynamicTiling(9000, 4, 4, true));
        error = Assert.Throws<PictureFormatException>(() => internVl.Prepare(flat, 14));
        Assert.Contains("flat.png", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Thin_pictures_are_prepared()
    {
        var siglip = SiglipPreprocessor.Load(Write("preprocessor_config.json", """{"size": {"width": 28, "height": 28}, """ + Statistics + "}"));
        foreach (var (width, height) in new[] { (1, 300_000), (300_000, 1), (1, 1) })
        {
            var crop = siglip.Prepare(new RgbImage(width, height, new byte[3 * width * height]), 14);
            Assert.Equal(3 * 28 * 28, crop.PixelValues.Length);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A crop is the tile of a picture at a place, black beyond the picture, and its values are the bytes normalised.</summary>
    private static void AssertCrop(PictureCrop crop, RgbImage source, int left, int top, bool onlyIf = true)
    {
        if (!onlyIf) return;
        Assert.Equal((Tile, Tile), (crop.Resized.Width, crop.Resized.Height));
        float[] mean = [0.5f, 0.25f, 0.125f], deviation = [0.5f, 0.25f, 0.75f];
        for (var y = 0; y < Tile; y++)
        {
            for (var x = 0; x < Tile; x++)
            {
                var inside = left + x >= 0 && left + x < source.Width && top + y >= 0 && top + y < source.Height;
                for (var channel = 0; channel < 3; channel++)
                {
                    var expected = inside ? source.Pixels[((top + y) * source.Width + left + x) * 3 + channel] : (byte)0;
                    if (crop.Resized.Pixels[(y * Tile + x) * 3 + channel] != expected) Assert.Fail($"pixel ({x}, {y}), channel {channel}");
                    if (crop.PixelValues[(channel * Tile + y) * Tile + x] != ((float)(expected * (1 / 255.0)) - mean[channel]) / deviation[channel]) Assert.Fail($"value ({x}, {y}), channel {channel}");
                }
            }
        }
    }

    /// <summary>The grid's corners, put through the resizing, are the tile's.</summary>
    private static void AssertGrid(PatchGrid grid, RgbImage picture, RgbImage resized, int left, int top)
    {
        double scaleX = (double)resized.Width / picture.Width, scaleY = (double)resized.Height / picture.Height;
        Assert.Equal((2, 2), (grid.Columns, grid.Rows));
        Assert.Equal(left, grid.Left * scaleX, 1e-9);
        Assert.Equal(top, grid.Top * scaleY, 1e-9);
        Assert.Equal(left + Tile, (grid.Left + grid.Width) * scaleX, 1e-9);
        Assert.Equal(top + Tile, (grid.Top + grid.Height) * scaleY, 1e-9);
    }

    private string Write(string name, string json)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, json);
        return file;
    }
}
