using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

/// <summary>Pillow's two-pass bicubic resize, one loop per pass, as its source's formulas state it: the oracle.</summary>
internal static class PlainPillow
{
    public static RgbImage Resize(RgbImage picture, int width, int height)
    {
        // Pillow 13: the height shrinks more than twice as many pixels as the width
        if (picture.Height > height && picture.Height - height > 2 * (picture.Width - width)) return Horizontal(Vertical(picture, height), width);
        return Vertical(Horizontal(picture, width), height);
    }

    /// <summary>The picture in the middle of a square of one colour.</summary>
    public static RgbImage Pad(RgbImage picture, byte red, byte green, byte blue)
    {
        var side = Math.Max(picture.Width, picture.Height);
        var pixels = new byte[side * side * 3];
        for (var i = 0; i < pixels.Length; i += 3) (pixels[i], pixels[i + 1], pixels[i + 2]) = (red, green, blue);
        int left = (side - picture.Width) / 2, top = (side - picture.Height) / 2;
        for (var row = 0; row < picture.Height; row++)
            picture.Pixels.AsSpan(row * picture.Width * 3, picture.Width * 3).CopyTo(pixels.AsSpan(((top + row) * side + left) * 3));
        return new RgbImage(side, side, pixels);
    }

    private static RgbImage Horizontal(RgbImage picture, int width) => picture.Width == width
        ? picture
        : new RgbImage(width, picture.Height, Pass(picture.Pixels, picture.Width, width, picture.Height, pixelStep: 3, lineStep: picture.Width * 3, outputPixelStep: 3, outputLineStep: width * 3));

    private static RgbImage Vertical(RgbImage picture, int height) => picture.Height == height
        ? picture
        : new RgbImage(picture.Width, height, Pass(picture.Pixels, picture.Height, height, picture.Width, pixelStep: picture.Width * 3, lineStep: 3, outputPixelStep: picture.Width * 3, outputLineStep: 3));

    private static byte[] Pass(byte[] source, int inputs, int outputs, int lines, int pixelStep, int lineStep, int outputPixelStep, int outputLineStep)
    {
        var result = new byte[outputs * lines * 3];
        var scale = (double)inputs / outputs;
        var filterScale = Math.Max(1, scale);
        var support = 2 * filterScale;
        for (var i = 0; i < outputs; i++)
        {
            var center = (i + 0.5) * scale;
            var first = Math.Max(0, (int)(center - support + 0.5));
            var end = Math.Min(inputs, (int)(center + support + 0.5));
            var weights = new double[end - first];
            for (var j = first; j < end; j++) weights[j - first] = Bicubic((j - center + 0.5) * (1 / filterScale));
            var sum = 0.0;
            foreach (var weight in weights) sum += weight;
            var taps = weights.Select(w => sum == 0 ? w : w / sum).Select(w => w < 0 ? (int)(-0.5 + w * (1 << 22)) : (int)(0.5 + w * (1 << 22))).ToArray();
            for (var line = 0; line < lines; line++)
            {
                for (var channel = 0; channel < 3; channel++)
                {
                    var total = 1 << 21;
                    for (var j = 0; j < taps.Length; j++) total += source[(first + j) * pixelStep + line * lineStep + channel] * taps[j];
                    result[i * outputPixelStep + line * outputLineStep + channel] = (byte)Math.Clamp(total >> 22, 0, 255);
                }
            }
        }

        return result;
    }

    private static double Bicubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }
}
