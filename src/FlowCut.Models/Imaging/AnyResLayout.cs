namespace FlowCut.Models.Imaging;

/// <summary>
/// How LLaVA-NeXT lays a picture on tiles (spec/models.md, section 5.2): resized to a resolution of the model's list
/// with its aspect kept, in the middle of a black canvas of whole tiles. Pure computation, without pixels.
/// </summary>
/// <param name="PictureWidth">Before resizing.</param>
/// <param name="PictureHeight">Before resizing.</param>
/// <param name="Tile">Pixels per side of a tile.</param>
/// <param name="Columns">Tiles per row of the canvas.</param>
/// <param name="Rows">Rows of tiles.</param>
/// <param name="Mode">Whose arithmetic <see cref="Remaining"/> follows.</param>
internal sealed record AnyResLayout(int PictureWidth, int PictureHeight, int Tile, int Columns, int Rows, PreprocessMode Mode)
{
    /// <summary>What transformers' round(x, 7) lets count as the next whole number.</summary>
    private const double HalfOfSevenDigits = 5e-8;

    public int Width => Columns * Tile;

    public int Height => Rows * Tile;

    /// <summary>The picture on the canvas: where its left upper corner lies, and its size after resizing.</summary>
    public Part Picture
    {
        get
        {
            double scaleX = (double)Width / PictureWidth, scaleY = (double)Height / PictureHeight;
            var (width, height) = scaleX < scaleY
                ? (Width, (int)Math.Min(Math.Ceiling(PictureHeight * scaleX), Height))
                : ((int)Math.Min(Math.Ceiling(PictureWidth * scaleY), Width), Height);
            return new Part((Width - width) / 2, (Height - height) / 2, width, height);
        }
    }

    /// <summary>
    /// The resolution that keeps most of the picture's pixels and, among those that keep as many, wastes least; the first of equals.
    /// </summary>
    /// <param name="width">Of the picture.</param>
    /// <param name="height">Of the picture.</param>
    /// <param name="tile">Pixels per side of a tile.</param>
    /// <param name="pinpoints">Pairs of the model's list, multiples of the tile, at least one.</param>
    /// <param name="mode">Reads a pair as (width, height), as the authors do, or as (height, width), as transformers does.</param>
    public static AnyResLayout Choose(int width, int height, int tile, IReadOnlyList<(int First, int Second)> pinpoints, PreprocessMode mode)
    {
        ArgumentOutOfRangeException.ThrowIfZero(pinpoints.Count);
        var (bestWidth, bestHeight, mostKept, leastWasted) = (0, 0, 0L, long.MaxValue);
        foreach (var (first, second) in pinpoints)
        {
            var (canvasWidth, canvasHeight) = mode == PreprocessMode.Original ? (first, second) : (second, first);
            var scale = Math.Min((double)canvasWidth / width, (double)canvasHeight / height);
            var kept = Math.Min((long)(width * scale) * (long)(height * scale), (long)width * height);
            var wasted = (long)canvasWidth * canvasHeight - kept;
            if (kept < mostKept || (kept == mostKept && wasted >= leastWasted)) continue;
            (bestWidth, bestHeight, mostKept, leastWasted) = (canvasWidth, canvasHeight, kept, wasted);
        }

        return new AnyResLayout(width, height, tile, bestWidth / tile, bestHeight / tile, mode);
    }

    /// <summary>
    /// The patches of the whole canvas that remain when its padding is cut off: the map of <see cref="Rows"/>·side ×
    /// <see cref="Columns"/>·side patches without an equal number of rows above and below, or of columns left and right.
    /// Empty where the picture is so narrow that nothing remains.
    /// </summary>
    /// <param name="side">Patches per side of a tile.</param>
    public Part Remaining(int side)
    {
        int columns = Columns * side, rows = Rows * side;
        if ((double)PictureWidth / PictureHeight > (double)columns / rows)
        {
            var padding = (rows - Whole(PictureHeight * ((double)columns / PictureWidth))) / 2;
            return new Part(0, padding, columns, rows - 2 * padding);
        }
        else
        {
            var padding = (columns - Whole(PictureWidth * ((double)rows / PictureHeight))) / 2;
            return new Part(padding, 0, columns - 2 * padding, rows);
        }
    }

    /// <summary>Visual tokens unpruned: the whole picture's, then a newline after every remaining row of the canvas.</summary>
    /// <param name="side">Patches per side of a tile.</param>
    public int VisualTokens(int side)
    {
        var remaining = Remaining(side);
        var grid = remaining.IsEmpty ? 0 : remaining.Height * (remaining.Width + 1);
        return side * side + grid;
    }

    /// <summary>The rectangle of a tile on the canvas; tiles are numbered row by row.</summary>
    public Part TilePart(int number) => new(number % Columns * Tile, number / Columns * Tile, Tile, Tile);

    private int Whole(double size)
    {
        var below = Math.Floor(size);
        return (int)(Mode == PreprocessMode.HuggingFace && below + 1 - size <= HalfOfSevenDigits ? below + 1 : below);
    }
}
