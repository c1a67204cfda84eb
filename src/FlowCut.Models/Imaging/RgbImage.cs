namespace FlowCut.Models.Imaging;

/// <summary>A decoded picture: 8-bit RGB, rows top to bottom without padding, [height, width, 3].</summary>
public sealed class RgbImage
{
    /// <summary>Largest picture (width × height) that is accepted anywhere: 200 megapixels.</summary>
    public const long MaxPixels = 200_000_000;

    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">width × height × 3 bytes; owned by the picture from here on.</param>
    /// <exception cref="PictureFormatException">A side is below 1 or the picture has more than <see cref="MaxPixels"/> pixels.</exception>
    /// <exception cref="ArgumentException">The buffer's length does not match the sides.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (width < 1 || height < 1)
            throw new PictureFormatException($"a picture of {width}x{height} pixels is empty");
        if ((long)width * height > MaxPixels)
            throw new PictureFormatException($"a picture of {width}x{height} pixels is over the limit of {MaxPixels / 1_000_000} megapixels");
        if (pixels.Length != 3L * width * height)
            throw new ArgumentException($"{width}x{height} pixels need {3L * width * height} bytes, got {pixels.Length}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    public int Width { get; }

    public int Height { get; }

    public byte[] Pixels { get; }

    /// <summary>Where the picture comes from, a file say, for messages; null: unknown.</summary>
    public string? Name { get; init; }

    /// <summary>As messages call it.</summary>
    internal string Title => TitleOf(Name, Width, Height);

    internal static string TitleOf(string? name, int width, int height) => (name is null ? "" : $"{name}: ") + $"a picture of {width}x{height} pixels";
}
