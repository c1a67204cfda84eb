namespace FlowCut.Models.Imaging;

/// <summary>Cuts rectangles out of a picture.</summary>
internal static class PictureTile
{
    private const int Channels = 3;

    /// <summary>A rectangle of a picture that may reach beyond it: what lies outside is black.</summary>
    public static RgbImage Cut(RgbImage picture, Part part)
    {
        var pixels = new byte[checked(Channels * part.Width * part.Height)];
        int left = Math.Clamp(part.Left, 0, picture.Width), right = Math.Clamp(part.Left + part.Width, left, picture.Width);
        int top = Math.Clamp(part.Top, 0, picture.Height), bottom = Math.Clamp(part.Top + part.Height, top, picture.Height);
        var bytes = (right - left) * Channels;
        for (var row = top; row < bottom; row++)
        {
            picture.Pixels.AsSpan((row * picture.Width + left) * Channels, bytes)
                .CopyTo(pixels.AsSpan(((row - part.Top) * part.Width + left - part.Left) * Channels));
        }

        return new RgbImage(part.Width, part.Height, pixels);
    }
}
