namespace FlowCut.Models.Imaging;

/// <summary>SigLIP's image preprocessing: resized to the square without keeping the aspect, then normalised.</summary>
internal sealed class SiglipPreprocessor
{
    private readonly PixelNormalisation _normalisation;

    private SiglipPreprocessor(string file, int size, PixelNormalisation normalisation)
    {
        File = file;
        Size = size;
        _normalisation = normalisation;
    }

    /// <summary>Where the settings were read.</summary>
    public string File { get; }

    /// <summary>Pixels per side of the result.</summary>
    public int Size { get; }

    /// <param name="file">preprocessor_config.json or processor_config.json.</param>
    /// <exception cref="ModelFormatException">The file is missing or damaged, or asks for something else than SigLIP's processing.</exception>
    public static SiglipPreprocessor Load(string file)
    {
        var config = ProcessorConfig.Read(file);
        ProcessorConfig.RequireSteps(config, "do_resize", "do_rescale", "do_normalize");
        if (config.Bool("do_center_crop", false)) throw config.Error("'do_center_crop' is true, which is not supported");
        var size = config.Section("size");
        var (width, height) = (size.Int("width"), size.Int("height"));
        if (width != height) throw config.Error($"'size' is {width}x{height}, only squares are supported");
        return new SiglipPreprocessor(file, width, PixelNormalisation.Read(config));
    }

    /// <summary>Resizes and normalises a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="patchSize">Of the encoder, for the grid.</param>
    /// <exception cref="PictureFormatException">Resizing would pass the pixel limit.</exception>
    public PictureCrop Prepare(RgbImage picture, int patchSize)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var resized = PillowResampler.Resize(picture, Size, Size);
        var side = Size / patchSize;
        // a rest of pixels below and at the right is of no patch
        var share = (double)side * patchSize / Size;
        return new PictureCrop(_normalisation.Planes(resized), resized, new PatchGrid(side, side, 0, 0, share * picture.Width, share * picture.Height));
    }
}
