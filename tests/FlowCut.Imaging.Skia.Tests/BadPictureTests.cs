using FlowCut.Models;
using FlowCut.Testing;
using SkiaSharp;

namespace FlowCut.Imaging.Skia.Tests;

/// <summary>Files that must be refused with their name, and none of them half-decoded.</summary>
public class BadPictureTests
{
    public static TheoryData<string> Formats => ["baseline.jpg", "progressive.jpg", "picture.png", "picture.webp"];

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_truncated_file_is_refused_wherever_it_ends(string name)
    {
        var whole = Whole(name);
        PictureFile.Decode(whole, name);
        var accepted = new List<int>();
        for (var i = 0; i < 40; i++)
        {
            var length = (int)((long)whole.Length * i / 40);
            try
            {
                PictureFile.Decode(whole[..length], name);
                accepted.Add(length);
            }
            catch (PictureFormatException e)
            {
                Assert.Contains(name, e.Message, StringComparison.Ordinal);
            }
        }

        Assert.True(accepted.Count == 0, $"accepted when cut to {string.Join(", ", accepted)} of {whole.Length} bytes");
    }

    [Theory]
    [InlineData("baseline.jpg")]
    [InlineData("progressive.jpg")]
    public void A_missing_end_marker_alone_is_fine(string name)
    {
        var whole = Whole(name);
        Assert.Equal([0xFF, 0xD9], whole[^2..]);
        Assert.Equal(PictureFile.Decode(whole, name).Image.Pixels, PictureFile.Decode(whole[..^2], name).Image.Pixels);
    }

    [Theory]
    [InlineData("baseline.jpg")]
    [InlineData("progressive.jpg")]
    public void The_end_marker_of_a_thumbnail_in_the_header_is_not_the_end(string name)
    {
        var whole = Whole(name);
        // an APP1 segment, in which cameras store a small JPEG with an end marker of its own
        byte[] withThumbnail = [.. whole[..2], 0xFF, 0xE1, 0, 10, 1, 2, 0xFF, 0xD8, 3, 4, 0xFF, 0xD9, .. whole[2..]];
        var pixels = PictureFile.Decode(whole, name).Image.Pixels;
        Assert.Equal(pixels, PictureFile.Decode(withThumbnail, name).Image.Pixels);
        Assert.Equal(pixels, PictureFile.Decode(withThumbnail[..^2], name).Image.Pixels);
        Assert.Contains("truncated", Assert.Throws<PictureFormatException>(() => PictureFile.Decode(withThumbnail[..^(whole.Length / 2)], name)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_behind_the_end_are_fine()
    {
        var whole = Whole("baseline.jpg");
        Assert.Equal(PictureFile.Decode(whole, "a").Image.Pixels, PictureFile.Decode([.. whole, 1, 2, 3, 4], "b").Image.Pixels);
    }

    [Fact]
    public void What_is_no_picture_is_refused()
    {
        Refused([], "empty");
        Refused("just some text, long enough to be looked at as a picture"u8.ToArray(), "not a picture");
        Refused([0xFF, 0xD8, 0xFF], "");
        Refused(Whole("picture.png")[..24], "");
    }

    [Fact]
    public void A_size_over_the_limit_is_refused_by_the_header_alone()
    {
        var png = new PngBuilder(30000, 30000, 8, PngBuilder.Rgb).Rows([1, 2, 3]).End();
        var jpeg = Whole("baseline.jpg");
        var frame = jpeg.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);
        // height and width of the frame header
        new byte[] { 0x75, 0x30, 0x75, 0x30 }.CopyTo(jpeg.AsSpan(frame + 5));
        foreach (var bomb in new[] { png, jpeg })
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Refused(bomb, "30000x30000");
            Assert.True(GC.GetTotalAllocatedBytes(precise: true) - before < 16 << 20);
        }
    }

    [Fact]
    public void Damaged_data_is_refused()
    {
        var png = Whole("picture.png");
        png.AsSpan(png.Length / 2, 64).Fill(0x55);
        Refused(png, "");
    }

    [Fact]
    public void A_file_that_is_not_there_or_cannot_be_read_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;
        Assert.Contains("nothing.png", Assert.Throws<PictureFormatException>(() => PictureFile.Load(Path.Combine(folder, "nothing.png"))).Message, StringComparison.Ordinal);
        Assert.Contains(folder, Assert.Throws<PictureFormatException>(() => PictureFile.Load(folder)).Message, StringComparison.Ordinal);
        Directory.Delete(folder);
    }

    private static void Refused(byte[] bytes, string reason)
    {
        var message = Assert.Throws<PictureFormatException>(() => PictureFile.Decode(bytes, "bad-file")).Message;
        Assert.Contains("bad-file", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    private static byte[] Whole(string name)
    {
        if (name == "baseline.jpg") return File.ReadAllBytes(Goldens.Require("pictures/rocket.jpg"));
        if (name == "progressive.jpg") return File.ReadAllBytes(Goldens.Require("pictures/coffee-progressive.jpg"));
        if (name == "picture.png") return File.ReadAllBytes(Goldens.Require("pictures/rocket-tall.png"));
        using var bitmap = SKBitmap.Decode(Goldens.Require("pictures/rocket-tall.png"));
        using var data = bitmap.Encode(SKEncodedImageFormat.Webp, 80);
        return data.ToArray();
    }
}
