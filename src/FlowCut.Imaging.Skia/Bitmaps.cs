using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>Between RGB24 and Skia's 32-bit bitmaps.</summary>
internal static class Bitmaps
{
    public static SKBitmap From(RgbImage picture)
    {
        var bitmap = new SKBitmap(new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var rgba = bitmap.GetPixelSpan();
        for (int from = 0, to = 0; from < picture.Pixels.Length; from += 3, to += 4)
        {
            rgba[to] = picture.Pixels[from];
            rgba[to + 1] = picture.Pixels[from + 1];
            rgba[to + 2] = picture.Pixels[from + 2];
            rgba[to + 3] = 255;
        }

        return bitmap;
    }

    public static RgbImage ToImage(SKBitmap bitmap)
    {
        var rgba = bitmap.GetPixelSpan();
        var rgb = new byte[rgba.Length / 4 * 3];
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + 2];
        }

        return new RgbImage(bitmap.Width, bitmap.Height, rgb);
    }
}
