using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>A score per patch as colours over the photo, from dark blue (least) to yellow (most).</summary>
public static class ScoreMap
{
    /// <summary>Five stops of a map that is even to the eye, also in grey.</summary>
    private static readonly SKColor[] s_stops = [new(68, 1, 84), new(59, 82, 139), new(33, 145, 140), new(94, 201, 98), new(253, 231, 37)];

    /// <param name="picture">The original picture.</param>
    /// <param name="grid">How the patches lie on it.</param>
    /// <param name="scores">One per patch; NaN: dropped already, drawn dark.</param>
    /// <param name="longestSide">Of the result, in pixels.</param>
    public static RgbImage Draw(RgbImage picture, PatchGrid grid, IReadOnlyList<float> scores, int longestSide = 896)
    {
        ArgumentNullException.ThrowIfNull(scores);
        using var drawing = new GridDrawing(picture, longestSide);
        // by rank: one outlier would leave a linear map without contrast
        var sorted = scores.Where(s => !float.IsNaN(s)).Order().ToArray();
        using var paint = new SKPaint();
        for (var patch = 0; patch < scores.Count; patch++)
        {
            if (float.IsNaN(scores[patch]))
            {
                paint.Color = new SKColor(10, 12, 16, 225);
            }
            else
            {
                var rank = Array.BinarySearch(sorted, scores[patch]);
                paint.Color = Color(sorted.Length > 1 ? (float)rank / (sorted.Length - 1) : 1).WithAlpha(170);
            }

            drawing.Canvas.DrawRect(drawing.Patch(grid, patch), paint);
        }

        drawing.Canvas.Flush();
        return Bitmaps.ToImage(drawing.Bitmap);
    }

    private static SKColor Color(float share)
    {
        var position = share * (s_stops.Length - 1);
        var left = Math.Min((int)position, s_stops.Length - 2);
        var weight = position - left;
        byte Mix(byte a, byte b) => (byte)MathF.Round(a + (b - a) * weight);
        return new SKColor(Mix(s_stops[left].Red, s_stops[left + 1].Red), Mix(s_stops[left].Green, s_stops[left + 1].Green), Mix(s_stops[left].Blue, s_stops[left + 1].Blue));
    }
}
