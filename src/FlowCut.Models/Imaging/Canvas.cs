namespace FlowCut.Models.Imaging;

/// <summary>A picture on a larger canvas of one colour, which is never materialised. A canvas of the picture's own size has no border.</summary>
internal readonly struct Canvas
{
    private Canvas(RgbImage picture, int width, int height, int left, int top, (byte R, byte G, byte B) color)
    {
        Picture = picture;
        Width = width;
        Height = height;
        Left = left;
        Top = top;
        Color = color;
    }

    public RgbImage Picture { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Column of the canvas where the picture begins.</summary>
    public int Left { get; }

    /// <summary>Row of the canvas where the picture begins.</summary>
    public int Top { get; }

    public (byte R, byte G, byte B) Color { get; }

    public static Canvas Of(RgbImage picture) => new(picture, picture.Width, picture.Height, 0, 0, default);

    /// <summary>Columns of a picture of the given width, from column <paramref name="left"/> on; the others are never looked at.</summary>
    public static Canvas Strip(RgbImage columns, int left, int width) => new(columns, width, columns.Height, left, 0, default);

    /// <summary>The smallest square around the picture, which stands in its middle (rounded up and left).</summary>
    public static Canvas Square(RgbImage picture, (byte R, byte G, byte B) color)
    {
        var side = Math.Max(picture.Width, picture.Height);
        return new Canvas(picture, side, side, (side - picture.Width) / 2, (side - picture.Height) / 2, color);
    }
}
