using FlowCut.Models.Families;

namespace FlowCut.Models.Imaging;

/// <summary>How InternVL2 cuts pictures (spec/models.md, section 5.3): into the grid of tiles whose aspect is closest to the picture's.</summary>
/// <param name="ImageSize">Pixels per side of a tile.</param>
/// <param name="MinTiles">At least 1.</param>
/// <param name="MaxTiles">At least <paramref name="MinTiles"/>; without the thumbnail.</param>
/// <param name="Thumbnail">The whole picture follows where there is more than one tile.</param>
/// <param name="IsDynamic">False: a picture is one tile.</param>
internal sealed record DynamicTiling(int ImageSize, int MinTiles, int MaxTiles, bool Thumbnail, bool IsDynamic = true)
{
    /// <summary>From a model's config.json; the defaults are those of the authors' configuration class.</summary>
    /// <exception cref="ModelFormatException">A key is of the wrong kind or out of range.</exception>
    public static DynamicTiling Read(JsonSection config)
    {
        var size = config.Has("force_image_size") ? config.Int("force_image_size") : config.Section("vision_config").Int("image_size");
        if (!config.Bool("dynamic_image_size", false)) return new DynamicTiling(size, 1, 1, false, IsDynamic: false);
        var (min, max) = (config.Int("min_dynamic_patch", 1, 1), config.Int("max_dynamic_patch", 1, 6));
        if (max < min) throw config.Error($"'max_dynamic_patch' is {max}, below the 'min_dynamic_patch' of {min}");
        if (max > Most(size)) throw config.Error($"'max_dynamic_patch' is {max}, but more than {Most(size)} tiles of {size} pixels are over the limit of {RgbImage.MaxPixels / 1_000_000} megapixels");
        return new DynamicTiling(size, min, max, config.Bool("use_thumbnail", false));
    }

    /// <summary>The same with another limit.</summary>
    /// <exception cref="InputException">The model does not tile, the limit is below <see cref="MinTiles"/> or its tiles would pass the pixel limit.</exception>
    public DynamicTiling WithMaxTiles(int maxTiles)
    {
        if (!IsDynamic) throw new InputException("this model takes a picture as one tile (dynamic_image_size is false), so there is no number of tiles to limit");
        return maxTiles >= MinTiles && maxTiles <= Most(ImageSize)
            ? this with { MaxTiles = maxTiles }
            : throw new InputException($"a picture cannot have at most {maxTiles} tiles: the model allows limits from {MinTiles} to {Most(ImageSize)}");
    }

    /// <summary>The grid for a picture of this size. Of grids that are equally close in aspect the last wins that the picture fills at least by half.</summary>
    public (int Columns, int Rows) Choose(int width, int height)
    {
        var aspect = (double)width / height;
        var (best, least) = ((Columns: 1, Rows: 1), double.PositiveInfinity);
        foreach (var (columns, rows) in Grids())
        {
            var difference = Math.Abs(aspect - (double)columns / rows);
            var filled = (double)((long)width * height) > 0.5 * ImageSize * ImageSize * columns * rows;
            if (difference < least || (difference == least && filled)) (best, least) = ((columns, rows), difference);
        }

        return best;
    }

    /// <summary>All grids of an allowed number of tiles, fewest tiles first.</summary>
    private IEnumerable<(int Columns, int Rows)> Grids() =>
        from columns in Enumerable.Range(1, MaxTiles)
        from rows in Enumerable.Range(1, MaxTiles / columns)
        where columns * rows >= MinTiles
        orderby columns * rows
        select (columns, rows);

    private static long Most(int size) => RgbImage.MaxPixels / ((long)size * size);
}
