using System.Text.Json;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Imaging.Skia.Tests;

/// <summary>From the picture's file to the encoder's input: every byte as Pillow and the authors' code have it.</summary>
public sealed class PreprocessGoldenTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    public static TheoryData<string, bool> Cases()
    {
        var data = new TheoryData<string, bool>();
        foreach (var picture in new[] { "chelsea.png", "coffee-palette.png", "astronaut-alpha.png", "camera-small-grey.png", "rocket-tall.png", "coffee-progressive.jpg", "rocket.jpg" })
        {
            data.Add(picture, true);
            data.Add(picture, false);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_prepared_picture_equals_the_reference(string name, bool padded)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("preprocess/preprocess.json")));
        var entry = json.RootElement.EnumerateArray().Single(e => e.GetProperty("picture").GetString() == name && e.GetProperty("how").GetString()!.StartsWith("pad", StringComparison.Ordinal) == padded);
        var size = entry.GetProperty("target").GetInt32();
        var picture = PictureFile.Load(Goldens.Require($"pictures/{name}")).Image;
        Assert.Equal(entry.GetProperty("size").EnumerateArray().Select(e => e.GetInt32()), [picture.Width, picture.Height]);

        var prepared = Preprocessor(size).Prepare(picture, padded ? PreprocessMode.Original : PreprocessMode.HuggingFace, 14);

        var expected = PictureFile.Load(Goldens.Require($"preprocess/{entry.GetProperty("expected").GetString()}")).Image;
        Assert.Equal((size, size), (prepared.Resized.Width, prepared.Resized.Height));
        Assert.Equal(expected.Pixels, prepared.Resized.Pixels);
        var plane = size * size;
        var first = entry.GetProperty("pixel_values_first").EnumerateArray().Select(e => (float)e.GetDouble()).ToArray();
        var mean = entry.GetProperty("pixel_values_mean").EnumerateArray().Select(e => e.GetDouble()).ToArray();
        for (var channel = 0; channel < 3; channel++)
        {
            Assert.Equal(first[channel], prepared.PixelValues[channel * plane]);
            Assert.Equal(mean[channel], prepared.PixelValues.Skip(channel * plane).Take(plane).Average(v => (double)v), 5e-7);
        }
    }

    [Theory]
    [InlineData("rocket.jpg")]
    [InlineData("coffee-progressive.jpg")]
    public void A_decoded_JPEG_equals_libjpeg_turbo(string name)
    {
        var expected = PictureFile.Load(Goldens.Require($"preprocess/decoded/{Path.ChangeExtension(name, ".png")}")).Image;
        Assert.Equal(expected.Pixels, PictureFile.Load(Goldens.Require($"pictures/{name}")).Image.Pixels);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ClipPreprocessor Preprocessor(int size)
    {
        var file = Path.Combine(_folder, "preprocessor_config.json");
        File.WriteAllText(file, $$"""
            {"crop_size": {{size}}, "size": {{size}}, "do_center_crop": true, "do_normalize": true, "do_resize": true, "resample": 3,
             "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
            """);
        return ClipPreprocessor.Load(file);
    }
}
