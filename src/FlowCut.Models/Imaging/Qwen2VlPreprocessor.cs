using FlowCut.Models.Families;

namespace FlowCut.Models.Imaging;

/// <summary>
/// Qwen2-VL's preprocessing (spec/models.md, section 5.4): resized to a size of its own choosing, then cut into patches,
/// whose pixels are the rows of a matrix: merged squares of patches one after the other, a row [channel, frame, y, x].
/// </summary>
internal sealed class Qwen2VlPreprocessor
{
    // transformers' defaults; the hub's files say 12845056 at most
    private const int DefaultMinPixels = 56 * 56;
    private const int DefaultMaxPixels = 28 * 28 * 1280;
    private const int Channels = 3;

    private readonly PixelNormalisation _normalisation;

    private Qwen2VlPreprocessor(JsonSection config, SmartResize sizes)
    {
        File = config.FileName;
        Sizes = sizes;
        PatchSize = config.Int("patch_size", 1, 14);
        MergeSize = config.Int("merge_size", 1, 2);
        Frames = config.Int("temporal_patch_size", 1, 2);
        _normalisation = PixelNormalisation.Read(config);
    }

    /// <summary>Where the settings were read.</summary>
    public string File { get; }

    /// <summary>How large pictures become.</summary>
    public SmartResize Sizes { get; }

    /// <summary>Pixels per side of a patch.</summary>
    public int PatchSize { get; }

    /// <summary>Patches per side of the squares that become one token.</summary>
    public int MergeSize { get; }

    /// <summary>Frames of a patch; a picture is repeated for all of them.</summary>
    public int Frames { get; }

    /// <param name="file">preprocessor_config.json or processor_config.json.</param>
    /// <param name="minPixels">Instead of the file's.</param>
    /// <param name="maxPixels">Instead of the file's.</param>
    /// <exception cref="ModelFormatException">The file is missing or damaged, or asks for something unsupported.</exception>
    /// <exception cref="InputException">A limit that was given does not go with the other.</exception>
    public static Qwen2VlPreprocessor Load(string file, int? minPixels = null, int? maxPixels = null)
    {
        var config = ProcessorConfig.Read(file);
        ProcessorConfig.RequireSteps(config, "do_resize", "do_rescale", "do_normalize");
        var min = minPixels ?? Limit(config, "min_pixels", "shortest_edge", DefaultMinPixels);
        var max = maxPixels ?? Limit(config, "max_pixels", "longest_edge", DefaultMaxPixels);
        if (min < 1 || max < min)
        {
            var reason = $"pictures of {min} to {max} pixels are asked for: the least must be above 0 and no more than the most";
            throw minPixels is null && maxPixels is null ? config.Error(reason) : new InputException(reason);
        }

        var factor = checked(config.Int("patch_size", 1, 14) * config.Int("merge_size", 1, 2));
        return new Qwen2VlPreprocessor(config, new SmartResize(factor, min, max));
    }

    /// <summary>Resizes and normalises a picture and cuts it into patches.</summary>
    /// <exception cref="PictureFormatException">The picture is too narrow for the model, or resizing it would pass the pixel limit.</exception>
    public PictureCrop Prepare(RgbImage picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return Prepare([picture])[0];
    }

    /// <summary>The same for the frames of a video: a crop for every <see cref="Frames"/> of them, the last frame repeated where some are missing.</summary>
    /// <param name="frames">All of one size, at least one.</param>
    /// <returns>Each crop's resized picture is that of its first frame.</returns>
    /// <exception cref="PictureFormatException">As above, or the frames differ in size.</exception>
    public PictureCrop[] Prepare(IReadOnlyList<RgbImage> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        ArgumentOutOfRangeException.ThrowIfZero(frames.Count, nameof(frames));
        var first = frames[0];
        if (frames.FirstOrDefault(f => (f.Width, f.Height) != (first.Width, first.Height)) is { } other)
            throw new PictureFormatException($"{other.Title} is a frame of a video of {first.Width}x{first.Height} pixels; all frames must have one size");
        var (width, height) = Sizes.Choose(first.Width, first.Height, first.Name);
        var grid = new PatchGrid(width / PatchSize, height / PatchSize, 0, 0, first.Width, first.Height) { GroupSide = MergeSize };
        var resized = frames.Select(f => PillowResampler.Resize(f, width, height)).ToArray();
        var crops = new PictureCrop[(frames.Count + Frames - 1) / Frames];
        for (var crop = 0; crop < crops.Length; crop++)
        {
            RgbImage[] together = [.. Enumerable.Range(crop * Frames, Frames).Select(i => resized[Math.Min(i, resized.Length - 1)])];
            crops[crop] = new PictureCrop(Patches(together, grid), together[0], grid);
        }

        return crops;
    }

    /// <summary>[patches, 3·frames·patch·patch].</summary>
    private float[] Patches(RgbImage[] frames, PatchGrid grid)
    {
        var length = Channels * Frames * PatchSize * PatchSize;
        var values = GC.AllocateUninitializedArray<float>(checked(grid.Columns * grid.Rows * length));
        var perRow = MergeSize * grid.Columns;
        Parallel.For(0, grid.Rows / MergeSize, row =>
        {
            for (var patch = row * perRow; patch < (row + 1) * perRow; patch++)
            {
                var cell = grid.Cell(patch);
                WritePatch(frames, cell.Column * PatchSize, cell.Row * PatchSize, values.AsSpan(patch * length, length));
            }
        });
        return values;
    }

    /// <summary>[channel, frame, y, x].</summary>
    private void WritePatch(RgbImage[] frames, int left, int top, Span<float> output)
    {
        var plane = PatchSize * PatchSize;
        ReadOnlySpan<float> reds = _normalisation.Table(0), greens = _normalisation.Table(1), blues = _normalisation.Table(2);
        for (var frame = 0; frame < Frames; frame++)
        {
            var red = output.Slice(frame * plane, plane);
            var green = output.Slice((Frames + frame) * plane, plane);
            var blue = output.Slice((2 * Frames + frame) * plane, plane);
            if (frame > 0 && frames[frame] == frames[frame - 1])
            {
                // a picture stands still
                output.Slice((frame - 1) * plane, plane).CopyTo(red);
                output.Slice((Frames + frame - 1) * plane, plane).CopyTo(green);
                output.Slice((2 * Frames + frame - 1) * plane, plane).CopyTo(blue);
                continue;
            }

            for (var y = 0; y < PatchSize; y++)
            {
                var pixels = frames[frame].Pixels.AsSpan(((top + y) * frames[frame].Width + left) * Channels, PatchSize * Channels);
                for (var x = 0; x < PatchSize; x++)
                {
                    red[y * PatchSize + x] = reds[pixels[Channels * x]];
                    green[y * PatchSize + x] = greens[pixels[Channels * x + 1]];
                    blue[y * PatchSize + x] = blues[pixels[Channels * x + 2]];
                }
            }
        }
    }

    /// <summary>A limit by its own name, by its name as a size (newer files), or the default.</summary>
    private static int Limit(JsonSection config, string key, string edge, int fallback)
    {
        if (config.Has(key)) return config.Int(key);
        if (!config.IsObject("size")) return fallback;
        var size = config.Section("size");
        return size.Has(edge) ? size.Int(edge) : size.Int(key, 1, fallback);
    }
}
