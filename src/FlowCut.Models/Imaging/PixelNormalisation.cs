using FlowCut.Models.Families;

namespace FlowCut.Models.Imaging;

/// <summary>Bytes to an encoder's input: (value·scale − mean) / deviation per channel, as tables of 256 values.</summary>
internal sealed class PixelNormalisation
{
    private const int Channels = 3;

    private readonly float[][] _tables;

    /// <param name="mean">Per channel, after scaling.</param>
    /// <param name="deviation">Per channel, above 0.</param>
    /// <param name="scale">Usually 1/255.</param>
    public PixelNormalisation(float[] mean, float[] deviation, double scale = 1 / 255.0)
    {
        Mean = mean;
        // the reference multiplies in double precision, rounds, then subtracts and divides in single
        _tables = new float[Channels][];
        for (var channel = 0; channel < Channels; channel++)
        {
            _tables[channel] = new float[256];
            for (var value = 0; value < 256; value++) _tables[channel][value] = ((float)(value * scale) - mean[channel]) / deviation[channel];
        }
    }

    public float[] Mean { get; }

    /// <exception cref="ModelFormatException">A key is missing or holds what cannot be a mean or a deviation of scaled pixels.</exception>
    public static PixelNormalisation Read(JsonSection config)
    {
        var (mean, deviation) = (config.Floats("image_mean", Channels), config.Floats("image_std", Channels));
        if (deviation.Any(d => d <= 0)) throw config.Error("'image_std' holds a number that is not above 0");
        if (mean.Any(m => m is < 0 or > 1)) throw config.Error("'image_mean' holds a number outside 0 to 1");
        return new PixelNormalisation(mean, deviation, config.Has("rescale_factor") ? config.Double("rescale_factor") : 1 / 255.0);
    }

    /// <summary>The normalised value of each of the 256 bytes.</summary>
    public ReadOnlySpan<float> Table(int channel) => _tables[channel];

    /// <summary>[3, height, width].</summary>
    public float[] Planes(RgbImage picture)
    {
        var plane = picture.Width * picture.Height;
        var values = GC.AllocateUninitializedArray<float>(checked(Channels * plane));
        ReadOnlySpan<byte> pixels = picture.Pixels;
        ReadOnlySpan<float> reds = _tables[0], greens = _tables[1], blues = _tables[2];
        Span<float> red = values.AsSpan(0, plane), green = values.AsSpan(plane, plane), blue = values.AsSpan(2 * plane, plane);
        for (var i = 0; i < plane; i++)
        {
            red[i] = reds[pixels[Channels * i]];
            green[i] = greens[pixels[Channels * i + 1]];
            blue[i] = blues[pixels[Channels * i + 2]];
        }

        return values;
    }
}
