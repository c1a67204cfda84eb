using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>Lays patch grids on a picture that is drawn large enough to look at.</summary>
internal sealed class GridDrawing : IDisposable
{
    private readonly float _scale;

    public GridDrawing(RgbImage picture, int longestSide)
    {
        _scale = (float)longestSide / Math.Max(picture.Width, picture.Height);
        Bitmap = new SKBitmap(new SKImageInfo(
            Math.Max(1, (int)MathF.Round(picture.Width * _scale)), Math.Max(1, (int)MathF.Round(picture.Height * _scale)), SKColorType.Rgba8888, SKAlphaType.Opaque));
        Canvas = new SKCanvas(Bitmap);
        using var source = Bitmaps.From(picture);
        using var image = SKImage.FromBitmap(source);
        Canvas.DrawImage(image, new SKRect(0, 0, Bitmap.Width, Bitmap.Height), new SKSamplingOptions(SKCubicResampler.Mitchell));
    }

    public SKBitmap Bitmap { get; }

    public SKCanvas Canvas { get; }

    /// <summary>Where a patch lies on the drawing; may reach beyond it.</summary>
    public SKRect Patch(PatchGrid grid, int number)
    {
        double width = grid.Width / grid.Columns, height = grid.Height / grid.Rows;
        var (column, row) = grid.Cell(number);
        double left = grid.Left + column * width, top = grid.Top + row * height;
        return new SKRect((float)left * _scale, (float)top * _scale, (float)(left + width) * _scale, (float)(top + height) * _scale);
    }

    public void Dispose()
    {
        Canvas.Dispose();
        Bitmap.Dispose();
    }
}
