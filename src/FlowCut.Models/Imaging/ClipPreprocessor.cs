namespace FlowCut.Models.Imaging;

/// <summary>CLIP's image preprocessing under LLaVA (spec/models.md, section 5.1), from preprocessor_config.json or processor_config.json.</summary>
public sealed class ClipPreprocessor
{
    internal const string ProcessorSection = ProcessorConfig.SectionName;

    private readonly (byte R, byte G, byte B) _padding;

    private ClipPreprocessor(string file, int size, PixelNormalisation normalisation)
    {
        File = file;
        Size = size;
        Normalisation = normalisation;
        // the authors pad with int(mean·255)
        var mean = normalisation.Mean;
        _padding = ((byte)(mean[0] * 255.0), (byte)(mean[1] * 255.0), (byte)(mean[2] * 255.0));
    }

    /// <summary>Where the settings were read.</summary>
    public string File { get; }

    /// <summary>Pixels per side of the result.</summary>
    public int Size { get; }

    internal PixelNormalisation Normalisation { get; }

    /// <exception cref="ModelFormatException">The file is missing or damaged, or asks for something else than CLIP's processing.</exception>
    public static ClipPreprocessor Load(string file)
    {
        var config = ProcessorConfig.Read(file);
        ProcessorConfig.RequireSteps(config, "do_resize", "do_center_crop", "do_rescale", "do_normalize");
        var size = config.IsObject("size") ? config.Section("size").Int("shortest_edge") : config.Int("size");
        var (cropHeight, cropWidth) = config.IsObject("crop_size")
            ? (config.Section("crop_size").Int("height"), config.Section("crop_size").Int("width"))
            : (config.Int("crop_size"), config.Int("crop_size"));
        if (cropHeight != size || cropWidth != size)
            throw config.Error($"'crop_size' is {cropWidth}x{cropHeight}, expected the 'size' of {size}");
        return new ClipPreprocessor(file, size, PixelNormalisation.Read(config));
    }

    /// <summary>Resizes and normalises a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="mode">Padded or cut to the square.</param>
    /// <param name="patchSize">Of the encoder, for the grid.</param>
    /// <exception cref="PictureFormatException">The picture is stretched so far that resizing it would pass the pixel limit.</exception>
    public PictureCrop Prepare(RgbImage picture, PreprocessMode mode, int patchSize)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var (resized, grid) = mode == PreprocessMode.Original ? PadAndResize(picture, patchSize) : ResizeAndCrop(picture, patchSize);
        return new PictureCrop(Normalisation.Planes(resized), resized, grid);
    }

    private (RgbImage, PatchGrid) PadAndResize(RgbImage picture, int patchSize)
    {
        var canvas = Canvas.Square(picture, _padding);
        var resized = PillowResampler.Resize(canvas, Size, Size, new Part(0, 0, Size, Size));
        return (resized, new PatchGrid(Size / patchSize, Size / patchSize, -canvas.Left, -canvas.Top, canvas.Width, canvas.Height));
    }

    private (RgbImage, PatchGrid) ResizeAndCrop(RgbImage picture, int patchSize)
    {
        int shortest = Math.Min(picture.Width, picture.Height), longest = Math.Max(picture.Width, picture.Height);
        var stretched = (long)Size * longest / shortest;
        if (stretched * Size > RgbImage.MaxPixels)
            throw new PictureFormatException($"{picture.Title} would be {Size}x{stretched} with its shortest edge resized, over the limit of {RgbImage.MaxPixels / 1_000_000} megapixels; --preprocess original pads it instead");
        var (width, height) = picture.Width <= picture.Height ? (Size, (int)stretched) : ((int)stretched, Size);
        var part = new Part((width - Size) / 2, (height - Size) / 2, Size, Size);
        var resized = PillowResampler.Resize(Canvas.Of(picture), width, height, part);
        double scaleX = (double)picture.Width / width, scaleY = (double)picture.Height / height;
        return (resized, new PatchGrid(Size / patchSize, Size / patchSize, part.Left * scaleX, part.Top * scaleY, Size * scaleX, Size * scaleY));
    }
}
