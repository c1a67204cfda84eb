using CsCheck;
using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

public class PillowResamplerTests
{
    private static readonly Gen<RgbImage> s_pictures =
        from width in Gen.Int[1, 70]
        from height in Gen.Int[1, 70]
            // extremes make the filter overshoot, which must clip as Pillow's does
        from pixels in Gen.OneOf(Gen.Byte.Array[width * height * 3], Gen.Bool.Select(b => b ? (byte)255 : (byte)0).Array[width * height * 3])
        select new RgbImage(width, height, pixels);

    [Fact]
    public void Any_size_to_any_size_equals_the_plain_loops() =>
        Gen.Select(s_pictures, Gen.Int[1, 90], Gen.Int[1, 90]).Sample(
            (picture, width, height) => AssertSame(PlainPillow.Resize(picture, width, height).Pixels, PillowResampler.Resize(picture, width, height).Pixels), iter: 200);

    [Fact]
    public void A_part_is_cut_from_the_whole() =>
        Gen.Select(s_pictures, Gen.Int[2, 60], Gen.Int[2, 60], Gen.Int[0, 1000], Gen.Int[0, 1000]).Sample((picture, width, height, x, y) =>
        {
            var part = new Part(x % width, y % height, 1 + y % (width - x % width), 1 + x % (height - y % height));
            var whole = PlainPillow.Resize(picture, width, height);
            var cut = PillowResampler.Resize(Canvas.Of(picture), width, height, part);
            for (var row = 0; row < part.Height; row++)
            {
                AssertSame(
                    whole.Pixels.AsSpan(((part.Top + row) * width + part.Left) * 3, part.Width * 3),
                    cut.Pixels.AsSpan(row * part.Width * 3, part.Width * 3));
            }
        }, iter: 200);

    [Fact]
    public void The_square_that_is_never_made_equals_padding_first() =>
        Gen.Select(s_pictures, Gen.Int[1, 90], Gen.Byte, Gen.Byte, Gen.Byte).Sample((picture, size, red, green, blue) =>
            AssertSame(
                PlainPillow.Resize(PlainPillow.Pad(picture, red, green, blue), size, size).Pixels,
                PillowResampler.Resize(Canvas.Square(picture, (red, green, blue)), size, size, new Part(0, 0, size, size)).Pixels), iter: 200);

    [Fact]
    public void One_size_is_one_picture()
    {
        var picture = new RgbImage(3, 2, [.. Enumerable.Range(0, 18).Select(i => (byte)(i * 14))]);
        Assert.Equal(picture.Pixels, PillowResampler.Resize(picture, 3, 2).Pixels);
    }

    [Theory]
    [InlineData(20000, 20000)]
    [InlineData(2_000_000, 101)]
    public void Results_over_the_limit_are_refused_before_anything_is_allocated(int width, int height)
    {
        var picture = new RgbImage(1, 150, new byte[450]) { Name = "thin.png" };
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<PictureFormatException>(() => PillowResampler.Resize(picture, width, height));
        Assert.Contains("thin.png", error.Message, StringComparison.Ordinal);
        Assert.Contains("200 megapixels", error.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    public void A_result_has_pixels(int width, int height) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PillowResampler.Resize(new RgbImage(1, 1, new byte[3]), width, height));

    /// <summary>Assert.Equal compares element by element, too slowly for whole pictures.</summary>
    private static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var at = expected.CommonPrefixLength(actual);
        Assert.True(at == expected.Length, $"byte {at} differs");
    }
}
