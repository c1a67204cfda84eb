using FlowCut.Models.Imaging;
using FlowCut.Testing;
using SkiaSharp;

namespace FlowCut.Imaging.Skia.Tests;

/// <summary>Pictures that are unusual and fine.</summary>
public class OddPictureTests
{
    [Fact]
    public void One_pixel()
    {
        var picture = Decode(new PngBuilder(1, 1, 8, PngBuilder.Rgb).Rows([10, 20, 30]).End());
        Assert.Equal((1, 1), (picture.Width, picture.Height));
        Assert.Equal([10, 20, 30], picture.Pixels);
    }

    [Fact]
    public void One_by_twenty_thousand()
    {
        var picture = Decode(new PngBuilder(1, 20000, 8, PngBuilder.Rgb).Rows([.. Enumerable.Range(0, 20000).Select(i => new[] { (byte)i, (byte)(i >> 8), (byte)7 })]).End());
        Assert.Equal((1, 20000), (picture.Width, picture.Height));
        Assert.Equal([0x1f, 0x4e, 7], picture.Pixels.AsSpan(19999 * 3, 3).ToArray());
    }

    [Fact]
    public void Grey_of_one_two_four_and_eight_bits()
    {
        Assert.Equal(Greys(255, 0, 255, 0), Decode(new PngBuilder(4, 1, 1, PngBuilder.Grey).Rows([0b1010_0000]).End()).Pixels);
        Assert.Equal(Greys(0, 85, 170, 255), Decode(new PngBuilder(4, 1, 2, PngBuilder.Grey).Rows([0b00_01_10_11]).End()).Pixels);
        Assert.Equal(Greys(17, 255), Decode(new PngBuilder(2, 1, 4, PngBuilder.Grey).Rows([0x1f]).End()).Pixels);
        Assert.Equal(Greys(0, 127, 200), Decode(new PngBuilder(3, 1, 8, PngBuilder.Grey).Rows([0, 127, 200]).End()).Pixels);
    }

    [Fact]
    public void A_palette_with_transparency_keeps_its_colours()
    {
        var png = new PngBuilder(3, 1, 8, PngBuilder.Palette).Chunk("PLTE", [1, 2, 3, 40, 50, 60, 255, 128, 0]).Chunk("tRNS", [0, 128]).Rows([0, 1, 2]).End();
        Assert.Equal([1, 2, 3, 40, 50, 60, 255, 128, 0], Decode(png).Pixels);
    }

    [Fact]
    public void Alpha_is_dropped_and_not_blended()
    {
        var png = new PngBuilder(3, 1, 8, PngBuilder.Rgba).Rows([200, 100, 50, 0, 200, 100, 50, 128, 200, 100, 50, 255]).End();
        Assert.Equal([200, 100, 50, 200, 100, 50, 200, 100, 50], Decode(png).Pixels);
    }

    [Fact]
    public void Of_sixteen_bits_the_high_byte_counts()
    {
        Assert.Equal([0x12, 0x80, 0xff], Decode(new PngBuilder(1, 1, 16, PngBuilder.Rgb).Rows([0x12, 0xff, 0x80, 0x00, 0xff, 0x01]).End()).Pixels);
        Assert.Equal(Greys(0x7f, 0x80), Decode(new PngBuilder(2, 1, 16, PngBuilder.Grey).Rows([0x7f, 0xff, 0x80, 0x00]).End()).Pixels);
        Assert.Equal([9, 8, 7], Decode(new PngBuilder(1, 1, 16, PngBuilder.Rgba).Rows([9, 255, 8, 255, 7, 255, 0, 3]).End()).Pixels);
    }

    [Fact]
    public void An_interlaced_picture()
    {
        // one pixel lies in the first of the seven passes, its right neighbour in the sixth
        var png = new PngBuilder(2, 1, 8, PngBuilder.Rgb, interlace: 1).Rows([1, 2, 3], [4, 5, 6]).End();
        Assert.Equal([1, 2, 3, 4, 5, 6], Decode(png).Pixels);
    }

    [Fact]
    public void A_colour_profile_and_gamma_change_nothing()
    {
        var png = new PngBuilder(1, 1, 8, PngBuilder.Rgb).Chunk("gAMA", [0, 1, 134, 160]).Chunk("sRGB", [0]).Rows([90, 100, 110]).End();
        Assert.Equal([90, 100, 110], Decode(png).Pixels);
        var linear = new PngBuilder(1, 1, 8, PngBuilder.Rgb).Chunk("gAMA", [0, 1, 134, 160]).Rows([90, 100, 110]).End();
        Assert.Equal([90, 100, 110], Decode(linear).Pixels);
    }

    [Fact]
    public void An_animation_gives_its_first_frame()
    {
        var decoded = PictureFile.Decode(TwoFrameGif(), "moving.gif");
        Assert.Equal(2, decoded.FrameCount);
        Assert.Equal([255, 0, 0], decoded.Image.Pixels);
    }

    [Fact]
    public void An_animated_png_gives_its_first_frame()
    {
        // acTL: 2 frames, played for ever; fcTL: the still picture is the first of them, 1x1
        var png = new PngBuilder(1, 1, 8, PngBuilder.Rgb).Chunk("acTL", [0, 0, 0, 2, 0, 0, 0, 0])
            .Chunk("fcTL", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 10, 0, 0]).Rows([9, 8, 7]).End();
        var decoded = PictureFile.Decode(png, "moving.png");
        Assert.Equal(2, decoded.FrameCount);
        Assert.Equal([9, 8, 7], decoded.Image.Pixels);
        Assert.Equal(1, PictureFile.Decode(new PngBuilder(1, 1, 8, PngBuilder.Rgb).Rows([9, 8, 7]).End(), "still.png").FrameCount);
    }

    [Fact]
    public void Orientation_is_ignored()
    {
        var jpeg = Jpeg(16, 8);
        // an APP1 segment with one EXIF entry: orientation 6, a quarter turn
        byte[] exif = [0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM\0*\0\0\0\u0008"u8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        byte[] turned = [.. jpeg[..2], .. exif, .. jpeg[2..]];
        var picture = Decode(turned);
        Assert.Equal((16, 8), (picture.Width, picture.Height));
        Assert.Equal(Decode(jpeg).Pixels, picture.Pixels);
    }

    [Fact]
    public void CMYK_is_converted_as_Pillow_does()
    {
        var expected = PictureFile.Load(Goldens.Require("pictures/cmyk-expected.png")).Image;
        Assert.Equal(expected.Pixels, PictureFile.Load(Goldens.Require("pictures/cmyk.jpg")).Image.Pixels);
    }

    [Fact]
    public void What_is_written_reads_the_same()
    {
        var picture = new RgbImage(5, 3, [.. Enumerable.Range(0, 45).Select(i => (byte)(i * 5))]);
        Assert.Equal(picture.Pixels, Decode(PictureWriter.EncodePng(picture)).Pixels);
    }

    internal static byte[] Jpeg(int width, int height)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var random = new Random(3);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++) bitmap.SetPixel(x, y, new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
        }

        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        return data.ToArray();
    }

    private static RgbImage Decode(byte[] bytes) => PictureFile.Decode(bytes, "test").Image;

    private static byte[] Greys(params byte[] values) => [.. values.SelectMany(v => new[] { v, v, v })];

    /// <summary>One pixel, red and then blue.</summary>
    private static byte[] TwoFrameGif() =>
    [
        .. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 255, 0, 0, 0, 0, 255,
        0x21, 0xF9, 4, 0, 10, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0,
        0x21, 0xF9, 4, 0, 10, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0,
        0x3B,
    ];
}
