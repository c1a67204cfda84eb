namespace FlowCut.Models.Imaging;

/// <summary>
/// Qwen2-VL's choice of a size (spec/models.md, section 5.4; transformers' smart_resize as of 4.57): both sides
/// multiples of a factor, the aspect about kept, the number of pixels between two limits. Pure computation.
/// </summary>
/// <param name="Factor">Pixels per side of a group of merged patches.</param>
/// <param name="MinPixels">Smaller pictures are enlarged; at least 1.</param>
/// <param name="MaxPixels">Larger pictures are shrunk, though never below one group.</param>
internal sealed record SmartResize(int Factor, long MinPixels, long MaxPixels)
{
    private const int MaxAspect = 200;

    /// <param name="width">Of the picture.</param>
    /// <param name="height">Of the picture.</param>
    /// <param name="name">Of the picture, for messages.</param>
    /// <exception cref="PictureFormatException">One side is over 200 times the other, or the result would pass <see cref="RgbImage.MaxPixels"/>.</exception>
    public (int Width, int Height) Choose(int width, int height, string? name = null)
    {
        if ((double)Math.Max(width, height) / Math.Min(width, height) > MaxAspect)
            throw new PictureFormatException($"{RgbImage.TitleOf(name, width, height)} is over {MaxAspect} times as long as wide, which the model does not take");
        var (newWidth, newHeight) = (Rounded(width), Rounded(height));
        var pixels = (double)width * height;
        if (newWidth * newHeight > MaxPixels)
        {
            var shrink = Math.Sqrt(pixels / MaxPixels);
            (newWidth, newHeight) = (Math.Max(Factor, Multiple(Math.Floor(width / shrink / Factor))), Math.Max(Factor, Multiple(Math.Floor(height / shrink / Factor))));
        }
        else if (newWidth * newHeight < MinPixels)
        {
            var enlarge = Math.Sqrt(MinPixels / pixels);
            (newWidth, newHeight) = (Multiple(Math.Ceiling(width * enlarge / Factor)), Multiple(Math.Ceiling(height * enlarge / Factor)));
        }

        return newWidth * newHeight <= RgbImage.MaxPixels
            ? ((int)newWidth, (int)newHeight)
            : throw new PictureFormatException($"{RgbImage.TitleOf(name, width, height)} would be {newWidth}x{newHeight} after resizing, over the limit of {RgbImage.MaxPixels / 1_000_000} megapixels");
    }

    /// <summary>The nearest multiple; a half goes to the even one, as Python rounds.</summary>
    private long Rounded(int size) => Multiple(Math.Round((double)size / Factor, MidpointRounding.ToEven));

    private long Multiple(double factors) => (long)factors * Factor;
}
