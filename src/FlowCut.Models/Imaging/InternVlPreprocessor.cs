namespace FlowCut.Models.Imaging;

/// <summary>InternVL2's preprocessing (spec/models.md, section 5.3): tiles row by row, then a thumbnail of the whole picture.</summary>
internal sealed class InternVlPreprocessor
{
    /// <summary>ImageNet's statistics stand in the authors' code, which never reads a file for them.</summary>
    private static readonly PixelNormalisation s_imageNet = new([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    private readonly PixelNormalisation _normalisation;

    private InternVlPreprocessor(DynamicTiling tiling, PixelNormalisation normalisation)
    {
        Tiling = tiling;
        _normalisation = normalisation;
    }

    public DynamicTiling Tiling { get; }

    /// <param name="file">preprocessor_config.json; ImageNet's mean and deviation where there is none.</param>
    /// <param name="tiling">From the model's config.json.</param>
    /// <exception cref="ModelFormatException">The file is damaged or asks for something else.</exception>
    public static InternVlPreprocessor Load(string file, DynamicTiling tiling)
    {
        ArgumentNullException.ThrowIfNull(tiling);
        if (!File.Exists(file)) return new InternVlPreprocessor(tiling, s_imageNet);
        // its sizes are those of the encoder; the tiling alone says what is done with a picture
        var config = ProcessorConfig.Read(file);
        ProcessorConfig.RequireSteps(config, "do_resize", "do_rescale", "do_normalize");
        return new InternVlPreprocessor(tiling, PixelNormalisation.Read(config));
    }

    /// <summary>Resizes to whole tiles, aspect not kept, cuts and normalises.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="patchSize">Of the encoder, for the grids.</param>
    /// <exception cref="PictureFormatException">Resizing would pass the pixel limit.</exception>
    public PictureCrop[] Prepare(RgbImage picture, int patchSize)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var size = Tiling.ImageSize;
        var (columns, rows) = Tiling.Choose(picture.Width, picture.Height);
        int width = columns * size, height = rows * size, tiles = columns * rows;
        var resized = PillowResampler.Resize(picture, width, height);
        var thumbnail = Tiling.Thumbnail && tiles > 1 ? PillowResampler.Resize(picture, size, size) : null;
        var crops = new PictureCrop[thumbnail is null ? tiles : tiles + 1];
        Parallel.For(0, crops.Length, number =>
        {
            var side = size / patchSize;
            var part = new Part(number % columns * size, number / columns * size, size, size);
            var (pixels, grid) = number == tiles
                ? (thumbnail!, new PatchGrid(side, side, 0, 0, picture.Width, picture.Height))
                : (PictureTile.Cut(resized, part), PatchGrid.Over(part, width, height, picture, side));
            crops[number] = new PictureCrop(_normalisation.Planes(pixels), pixels, grid);
        });
        return crops;
    }
}
