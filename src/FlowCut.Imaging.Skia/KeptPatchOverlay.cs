using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>The photo with what the language model still sees: kept patches bright and outlined, the rest grey and dark.</summary>
public static class KeptPatchOverlay
{
    /// <summary>Pixels of the longest side that suit a screen.</summary>
    public const int UsualSide = 896;

    private static readonly float[] s_dimmed =
    [
        0.18f, 0.22f, 0.06f, 0, 0.02f,
        0.12f, 0.28f, 0.06f, 0, 0.02f,
        0.12f, 0.22f, 0.14f, 0, 0.03f,
        0, 0, 0, 1, 0,
    ];

    /// <param name="picture">The original picture.</param>
    /// <param name="grid">How the patches lie on it.</param>
    /// <param name="kept">Patch numbers.</param>
    /// <param name="longestSide">Of the result, in pixels.</param>
    public static RgbImage Draw(RgbImage picture, PatchGrid grid, IReadOnlyList<int> kept, int longestSide = UsualSide) => Draw(picture, [(grid, kept)], longestSide);

    /// <summary>The same for a picture that was cut: what any of its crops keeps is bright, coarse crops first.</summary>
    /// <param name="picture">The original picture.</param>
    /// <param name="crops">How the patches of each lie on it, and the numbers of those that are kept.</param>
    /// <param name="longestSide">Of the result, in pixels.</param>
    public static RgbImage Draw(RgbImage picture, IReadOnlyList<(PatchGrid Grid, IReadOnlyList<int> Kept)> crops, int longestSide)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(crops);
        using var bright = new GridDrawing(picture, longestSide);
        using var drawing = new GridDrawing(picture, longestSide);
        using var image = SKImage.FromBitmap(bright.Bitmap);
        using var dim = new SKPaint { ColorFilter = SKColorFilter.CreateColorMatrix(s_dimmed) };
        using var outline = new SKPaint { Style = SKPaintStyle.Stroke, StrokeWidth = 1.5f, Color = new SKColor(255, 205, 60), IsAntialias = true };
        drawing.Canvas.DrawImage(image, 0, 0, new SKSamplingOptions(SKFilterMode.Nearest), dim);
        var rectangles = crops.SelectMany(crop => crop.Kept.Select(patch => drawing.Patch(crop.Grid, patch))).OrderByDescending(r => r.Width * r.Height).ToList();
        foreach (var rectangle in rectangles)
            drawing.Canvas.DrawImage(image, rectangle, rectangle, new SKSamplingOptions(SKFilterMode.Nearest));
        foreach (var rectangle in rectangles)
        {
            var inside = rectangle;
            inside.Inflate(-0.75f, -0.75f);
            drawing.Canvas.DrawRect(inside, outline);
        }

        drawing.Canvas.Flush();
        return Bitmaps.ToImage(drawing.Bitmap);
    }
}
