using System.Runtime.InteropServices;
using System.Text.Json;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Imaging.Skia.Tests;

/// <summary>From the picture's file to the crops and pixels that the references of the tiling families recorded.</summary>
public class CropGoldenTests
{
    private const int PatchSize = 14;

    [Theory]
    [InlineData("traces/llava-next-tiny/chelsea-full", "llava-next-tiny", PreprocessMode.Original)]
    [InlineData("traces/llava-next-tiny/coffee-wide-full", "llava-next-tiny", PreprocessMode.Original)]
    [InlineData("traces/llava-next-tiny/rocket-tall-full", "llava-next-tiny", PreprocessMode.Original)]
    [InlineData("llava-next-mistral-tiny/unpruned-tall", "llava-next-mistral-tiny", PreprocessMode.Original)]
    [InlineData("llava-next-mistral-tiny/unpruned-tall", "llava-next-mistral-tiny", PreprocessMode.HuggingFace)]
    public void LLaVA_NeXT(string name, string model, PreprocessMode mode)
    {
        using var golden = Checkpoint.Open(Goldens.Require(name + ".safetensors"));
        using var json = Facts(name);
        var folder = Goldens.Require(model);
        var preprocessor = AnyResPreprocessor.Load(ProcessorConfig.Find(folder), JsonSection.Read(Path.Combine(folder, "config.json")));
        var picture = Pictures(name, json).Single();

        var crops = preprocessor.Prepare(picture, mode, PatchSize);

        Assert.Equal(golden.Names.Count(n => n.EndsWith(".vision.resized", StringComparison.Ordinal)), crops.Length);
        for (var number = 0; number < crops.Length; number++)
        {
            AssertPixels(golden.Get($"image.{number}.vision.resized"), crops[number].Resized);
            if (golden.TryGet($"image.{number}.vision.pixel_values", out var values)) Assert.Equal(Singles(values), crops[number].PixelValues);
        }

        Assert.True(golden.TryGet("image.0.vision.pixel_values", out _) || name.Contains("coffee", StringComparison.Ordinal) || name.Contains("rocket", StringComparison.Ordinal));
        var layout = preprocessor.Layout(picture.Width, picture.Height, mode);
        var (tokens, remaining, side) = (json.RootElement.GetProperty("visual_tokens"), layout.Remaining(preprocessor.Size / PatchSize), preprocessor.Size / PatchSize);
        Assert.Equal(tokens.GetProperty("total").GetInt32(), layout.VisualTokens(side));
        Assert.Equal(Pair(tokens, "rows_kept"), (remaining.Top, remaining.Top + remaining.Height));
        Assert.Equal(Pair(tokens, "columns_kept"), (remaining.Left, remaining.Left + remaining.Width));
    }

    [Theory]
    [InlineData("unpruned-square")]
    [InlineData("unpruned-tall")]
    [InlineData("unpruned-wide")]
    public void InternVL2(string name)
    {
        using var golden = Checkpoint.Open(Goldens.Require($"internvl2-tiny-internlm2/{name}.safetensors"));
        using var json = Facts("internvl2-tiny-internlm2/" + name);
        var folder = Goldens.Require("internvl2-tiny-internlm2");
        var preprocessor = InternVlPreprocessor.Load(ProcessorConfig.Find(folder), DynamicTiling.Read(JsonSection.Read(Path.Combine(folder, "config.json"))));

        var crops = preprocessor.Prepare(Pictures("internvl2-tiny-internlm2/" + name, json).Single(), PatchSize);

        if (golden.TryGet("vision.pixels_u8", out var bytes))
        {
            Assert.Equal([crops.Length, 112, 112, 3], bytes.Shape);
            Assert.Equal(bytes.Bytes, crops.SelectMany(c => c.Resized.Pixels).ToArray());
        }
        else
        {
            Assert.Equal(Singles(golden.Get("vision.pixel_values")), crops.Single().PixelValues);
        }
    }

    [Theory]
    [InlineData("resize-down")]
    [InlineData("resize-up")]
    [InlineData("resize-near")]
    public void Qwen2_VL_resizing(string name)
    {
        using var golden = Checkpoint.Open(Goldens.Require($"qwen2-vl-tiny/{name}.safetensors"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("qwen2-vl-tiny/resize-cases.json")));
        var facts = json.RootElement.EnumerateArray().Single(e => e.GetProperty("tensors").GetString() == name + ".safetensors");
        var preprocessor = Qwen2VlPreprocessor.Load(Goldens.Require("qwen2-vl-tiny/preprocessor_config.json"), facts.GetProperty("min_pixels").GetInt32(), facts.GetProperty("max_pixels").GetInt32());

        var crop = preprocessor.Prepare(PictureFile.Load(Goldens.Require("qwen2-vl-tiny/" + facts.GetProperty("picture").GetString())).Image);

        AssertPixels(golden.Get("resized"), crop.Resized);
        AssertGrids(golden, [crop]);
        AssertClose(Singles(golden.Get("vision.pixel_values.first_row")), crop.PixelValues.AsSpan(0, 1176), 2e-6f);
        AssertClose(Singles(golden.Get("vision.pixel_values.last_row")), crop.PixelValues.AsSpan(crop.PixelValues.Length - 1176), 2e-6f);
        AssertClose(Singles(golden.Get("vision.pixel_values.row_sums")), RowSums(crop.PixelValues), 2e-3f);
    }

    [Theory]
    [InlineData("unpruned-tall")]
    [InlineData("unpruned-wide")]
    [InlineData("unpruned-two")]
    public void Qwen2_VL(string name)
    {
        using var golden = Checkpoint.Open(Goldens.Require($"qwen2-vl-tiny/{name}.safetensors"));
        using var json = Facts("qwen2-vl-tiny/" + name);
        var preprocessor = Qwen2VlPreprocessor.Load(Goldens.Require("qwen2-vl-tiny/preprocessor_config.json"));

        var crops = Pictures("qwen2-vl-tiny/" + name, json).Select(preprocessor.Prepare).ToArray();

        AssertGrids(golden, crops);
        var values = crops.SelectMany(c => c.PixelValues).ToArray();
        if (golden.TryGet("vision.pixel_values", out var all)) AssertClose(Singles(all), values, 2e-6f);
        else AssertClose(Singles(golden.Get("vision.pixel_values.row_sums")), RowSums(values), 2e-3f);
    }

    [Theory]
    [InlineData("unpruned-cat")]
    [InlineData("unpruned-cup")]
    public void SigLIP(string name)
    {
        using var golden = Checkpoint.Open(Goldens.Require($"llava-siglip-tiny/{name}.safetensors"));
        using var json = Facts("llava-siglip-tiny/" + name);
        var preprocessor = SiglipPreprocessor.Load(ProcessorConfig.Find(Goldens.Require("llava-siglip-tiny")));

        var crop = preprocessor.Prepare(Pictures("llava-siglip-tiny/" + name, json).Single(), PatchSize);

        AssertPixels(golden.Get("vision.resized"), crop.Resized);
        AssertClose(Singles(golden.Get("vision.pixel_values")), crop.PixelValues, 1e-6f);
    }

    private static JsonDocument Facts(string name) => JsonDocument.Parse(File.ReadAllBytes(Goldens.Require(name + ".json")));

    /// <summary>Paths in "pictures" are relative to the case's folder; an older case names one file of pictures/.</summary>
    private static RgbImage[] Pictures(string name, JsonDocument json) => json.RootElement.TryGetProperty("pictures", out var pictures)
        ? [.. pictures.EnumerateArray().Select(p => PictureFile.Load(Goldens.Require($"{name[..name.LastIndexOf('/')]}/{p.GetString()}")).Image)]
        : [PictureFile.Load(Goldens.Require($"pictures/{json.RootElement.GetProperty("picture").GetString()}")).Image];

    private static void AssertPixels(StoredTensor expected, RgbImage actual)
    {
        Assert.Equal([actual.Height, actual.Width, 3], expected.Shape);
        Assert.Equal(expected.Bytes, actual.Pixels);
    }

    private static void AssertGrids(Checkpoint golden, PictureCrop[] crops)
    {
        var expected = MemoryMarshal.Cast<byte, long>(golden.Get("vision.grid_thw").Bytes).ToArray();
        Assert.Equal(expected, crops.SelectMany(c => new long[] { 1, c.Grid.Rows, c.Grid.Columns }));
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance)) Assert.Fail($"value {i} is {actual[i]}, expected {expected[i]}");
        }
    }

    private static float[] RowSums(float[] matrix) => [.. matrix.Chunk(1176).Select(row => (float)row.Sum(v => (double)v))];

    private static float[] Singles(StoredTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        tensor.ReadSingles(values);
        return values;
    }

    private static (int, int) Pair(JsonElement element, string key) => (element.GetProperty(key)[0].GetInt32(), element.GetProperty(key)[1].GetInt32());
}
