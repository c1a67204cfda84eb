using FlowCut.Models.Families;

namespace FlowCut.Models.Imaging;

/// <summary>LLaVA-NeXT's preprocessing (spec/models.md, section 5.2): the whole picture, then its tiles, each as CLIP takes it.</summary>
internal sealed class AnyResPreprocessor
{
    private const string PinpointsKey = "image_grid_pinpoints";

    private readonly ClipPreprocessor _clip;
    private readonly (int First, int Second)[] _pinpoints;

    private AnyResPreprocessor(ClipPreprocessor clip, (int First, int Second)[] pinpoints)
    {
        _clip = clip;
        _pinpoints = pinpoints;
    }

    /// <summary>Where the settings were read.</summary>
    public string File => _clip.File;

    /// <summary>Pixels per side of a tile.</summary>
    public int Size => _clip.Size;

    /// <param name="file">preprocessor_config.json or processor_config.json.</param>
    /// <param name="model">The model's config.json, for the list of resolutions where the processor has none, as in the authors' layout.</param>
    /// <exception cref="ModelFormatException">A file is missing or damaged, or asks for something else than tiles of CLIP's size.</exception>
    public static AnyResPreprocessor Load(string file, JsonSection model)
    {
        var clip = ClipPreprocessor.Load(file);
        var config = ProcessorConfig.Read(file);
        config.Expect("aspect_ratio_setting", "anyres", required: false);
        return new AnyResPreprocessor(clip, ReadPinpoints(config.Has(PinpointsKey) ? config : model, clip.Size));
    }

    /// <summary>How a picture of this size is laid on tiles.</summary>
    public AnyResLayout Layout(int width, int height, PreprocessMode mode) => AnyResLayout.Choose(width, height, Size, _pinpoints, mode);

    /// <summary>Resizes, cuts and normalises a picture: the whole of it first, its aspect not kept, then the tiles row by row.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="mode">How the model's resolutions are read.</param>
    /// <param name="patchSize">Of the encoder, for the grids.</param>
    /// <returns>Crops of <see cref="Size"/> × <see cref="Size"/> pixels; a tile's grid reaches beyond the picture where it is padded.</returns>
    /// <exception cref="PictureFormatException">Resizing would pass the pixel limit.</exception>
    public PictureCrop[] Prepare(RgbImage picture, PreprocessMode mode, int patchSize)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var layout = Layout(picture.Width, picture.Height, mode);
        var place = layout.Picture;
        var resized = PillowResampler.Resize(picture, place.Width, place.Height);
        var whole = PillowResampler.Resize(picture, Size, Size);
        var crops = new PictureCrop[1 + layout.Columns * layout.Rows];
        var side = Size / patchSize;
        Parallel.For(0, crops.Length, number =>
        {
            if (number == 0)
            {
                crops[0] = new PictureCrop(_clip.Normalisation.Planes(whole), whole, new PatchGrid(side, side, 0, 0, picture.Width, picture.Height));
                return;
            }

            var part = layout.TilePart(number - 1);
            part = part with { Left = part.Left - place.Left, Top = part.Top - place.Top };
            var tile = PictureTile.Cut(resized, part);
            crops[number] = new PictureCrop(_clip.Normalisation.Planes(tile), tile, PatchGrid.Over(part, place.Width, place.Height, picture, side));
        });
        return crops;
    }

    private static (int, int)[] ReadPinpoints(JsonSection config, int tile)
    {
        var pairs = config.Pairs(PinpointsKey);
        foreach (var (first, second) in pairs)
        {
            if (first % tile != 0 || second % tile != 0) throw config.Error($"'{PinpointsKey}' holds [{first}, {second}], expected multiples of the tile of {tile} pixels");
        }

        return pairs;
    }
}
