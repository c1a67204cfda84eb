namespace FlowCut.Models.Imaging;

/// <summary>
/// How an encoder's patches lie on a picture: a grid over the rectangle (Left, Top, Width, Height) in the picture's
/// pixels, which may reach beyond the picture where it was padded.
/// </summary>
public sealed record PatchGrid(int Columns, int Rows, double Left, double Top, double Width, double Height)
{
    /// <summary>
    /// Patches are numbered row by row, or, where this is above 1, in squares of so many patches a side, row by row, and
    /// row by row within each square (Qwen2-VL: 2). Divides <see cref="Columns"/> and <see cref="Rows"/>.
    /// </summary>
    public int GroupSide { get; init; } = 1;

    /// <summary>Where a patch lies in the grid.</summary>
    /// <param name="patch">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The grid has no such patch.</exception>
    public (int Column, int Row) Cell(int patch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(patch);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(patch, Columns * Rows);
        var (group, member) = Math.DivRem(patch, GroupSide * GroupSide);
        var groupsPerRow = Columns / GroupSide;
        return (group % groupsPerRow * GroupSide + member % GroupSide, group / groupsPerRow * GroupSide + member / GroupSide);
    }

    /// <summary>The grid of side × side patches over a part of a picture that was resized to width × height.</summary>
    internal static PatchGrid Over(Part part, int width, int height, RgbImage picture, int side)
    {
        double scaleX = (double)picture.Width / width, scaleY = (double)picture.Height / height;
        return new PatchGrid(side, side, part.Left * scaleX, part.Top * scaleY, part.Width * scaleX, part.Height * scaleY);
    }
}
