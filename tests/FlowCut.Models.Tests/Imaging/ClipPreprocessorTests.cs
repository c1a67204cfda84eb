using System.Text.Json.Nodes;
using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

public sealed class ClipPreprocessorTests : IDisposable
{
    private const string Config = """
        {"crop_size": {"height": 28, "width": 28}, "do_center_crop": true, "do_normalize": true, "do_resize": true, "image_mean": [0.48145466, 0.4578275, 0.40821073],
         "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": {"shortest_edge": 28}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    [Fact]
    public void Values_are_scaled_then_normalised_per_channel()
    {
        var picture = new RgbImage(28, 28, [.. Enumerable.Range(0, 28 * 28 * 3).Select(i => (byte)(i * 31))]);
        var prepared = Load(Config).Prepare(picture, PreprocessMode.Original, 14);
        Assert.Equal(picture.Pixels, prepared.Resized.Pixels);
        float[] mean = [0.48145466f, 0.4578275f, 0.40821073f], deviation = [0.26862954f, 0.26130258f, 0.27577711f];
        for (var channel = 0; channel < 3; channel++)
        {
            for (var i = 0; i < 28 * 28; i++)
                Assert.Equal(((float)(picture.Pixels[i * 3 + channel] * (1 / 255.0)) - mean[channel]) / deviation[channel], prepared.PixelValues[channel * 28 * 28 + i]);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 20000)]
    [InlineData(20000, 1)]
    public void Any_shape_can_be_padded(int width, int height)
    {
        var prepared = Load(Config).Prepare(new RgbImage(width, height, new byte[3 * width * height]), PreprocessMode.Original, 14);
        Assert.Equal(3 * 28 * 28, prepared.PixelValues.Length);
        Assert.All(prepared.PixelValues, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Stretching_over_the_limit_is_refused_where_padding_is_not()
    {
        var thin = new RgbImage(1, 400_000, new byte[3 * 400_000]) { Name = "thin.png" };
        var error = Assert.Throws<PictureFormatException>(() => Load(Config).Prepare(thin, PreprocessMode.HuggingFace, 14));
        Assert.Contains("thin.png", error.Message, StringComparison.Ordinal);
        Load(Config).Prepare(thin, PreprocessMode.Original, 14);
    }

    [Theory]
    [InlineData("size")]
    [InlineData("image_mean")]
    [InlineData("image_std")]
    [InlineData("crop_size")]
    public void A_missing_key_is_named(string key) => Refused(json => json.Remove(key), key);

    [Fact]
    public void Wrong_values_are_named()
    {
        Refused(json => json["size"] = new JsonObject { ["shortest_edge"] = "large" }, "shortest_edge");
        Refused(json => json["size"] = new JsonObject { ["shortest_edge"] = -28 }, "shortest_edge");
        Refused(json => json["crop_size"] = new JsonObject { ["height"] = 14, ["width"] = 28 }, "crop_size");
        Refused(json => json["image_mean"] = new JsonArray(0.5, 0.5), "image_mean");
        Refused(json => json["image_mean"] = new JsonArray(0.5, 0.5, 2), "image_mean");
        Refused(json => json["image_std"] = new JsonArray(0.5, 0, 0.5), "image_std");
        Refused(json => json["resample"] = 2, "resample");
        Refused(json => json["do_center_crop"] = false, "do_center_crop");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Refused(Action<JsonObject> edit, string key)
    {
        var json = JsonNode.Parse(Config)!.AsObject();
        edit(json);
        var error = Assert.Throws<ModelFormatException>(() => Load(json.ToJsonString()));
        Assert.Contains("preprocessor_config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    private ClipPreprocessor Load(string json)
    {
        var file = Path.Combine(_folder, "preprocessor_config.json");
        File.WriteAllText(file, json);
        return ClipPreprocessor.Load(file);
    }
}
