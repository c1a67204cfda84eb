using System.Text.Json.Nodes;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

/// <summary>What the preprocessors take from their configuration, and what they refuse by name.</summary>
public sealed class PreprocessorConfigTests : IDisposable
{
    private const string Statistics = """ "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 0.125] """;
    private const string Siglip = """{"size": {"height": 28, "width": 28}, "resample": 3, """ + Statistics + "}";
    private const string Clip = """{"size": {"shortest_edge": 28}, "crop_size": 28, "image_grid_pinpoints": [[28, 56], [56, 28]], """ + Statistics + "}";

    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    [Fact]
    public void The_older_name_wins_over_a_section_of_the_newer_file()
    {
        var (older, newer) = (Path.Combine(_folder, "preprocessor_config.json"), Path.Combine(_folder, "processor_config.json"));
        Assert.Equal(older, ProcessorConfig.Find(_folder));
        File.WriteAllText(newer, """{"processor_class": "LlavaProcessor"}""");
        Assert.Equal(older, ProcessorConfig.Find(_folder));
        File.WriteAllText(newer, """{"image_processor": """ + Siglip + "}");
        Assert.Equal(newer, ProcessorConfig.Find(_folder));
        Assert.Equal(28, SiglipPreprocessor.Load(newer).Size);
        File.WriteAllText(older, "{}");
        Assert.Equal(older, ProcessorConfig.Find(_folder));
    }

    [Theory]
    [InlineData("size", null)]
    [InlineData("size", """{"shortest_edge": 28}""")]
    [InlineData("size", """{"height": 28, "width": 56}""")]
    [InlineData("image_mean", null)]
    [InlineData("image_std", "[0.5, 0.5]")]
    [InlineData("resample", "2")]
    [InlineData("do_resize", "false")]
    [InlineData("do_rescale", "false")]
    [InlineData("do_normalize", "false")]
    [InlineData("do_center_crop", "true")]
    public void What_SigLIP_does_not_do_is_refused(string key, string? value) => Refused(Siglip, key, value, file => SiglipPreprocessor.Load(file));

    [Theory]
    [InlineData("image_grid_pinpoints", null)]
    [InlineData("image_grid_pinpoints", "[]")]
    [InlineData("image_grid_pinpoints", "[[28, 56, 28]]")]
    [InlineData("image_grid_pinpoints", "[[28, 0]]")]
    [InlineData("image_grid_pinpoints", "[[28, 57]]")]
    [InlineData("image_grid_pinpoints", "\"(1x1),...,(6x6)\"")]
    [InlineData("aspect_ratio_setting", "\"pad\"")]
    [InlineData("do_center_crop", "false")]
    public void What_tiles_do_not_do_is_refused(string key, string? value) => Refused(Clip, key, value, file => AnyResPreprocessor.Load(file, JsonSection.Read(Write("config.json", "{}"))));

    [Fact]
    public void Pinpoints_come_from_the_model_where_the_processor_has_none()
    {
        var json = JsonNode.Parse(Clip)!.AsObject();
        json.Remove("image_grid_pinpoints");
        var model = JsonSection.Read(Write("config.json", """{"image_grid_pinpoints": [[28, 84]]}"""));
        var layout = AnyResPreprocessor.Load(Write("preprocessor_config.json", json.ToJsonString()), model).Layout(100, 100, PreprocessMode.Original);
        Assert.Equal((1, 3), (layout.Columns, layout.Rows));
    }

    [Theory]
    [InlineData("image_std", "[0, 1, 1]")]
    [InlineData("resample", "0")]
    [InlineData("do_normalize", "false")]
    public void What_InternVL2_does_not_do_is_refused(string key, string? value) => Refused(Siglip, key, value, file => InternVlPreprocessor.Load(file, new DynamicTiling(28, 1, 6, true)));

    [Fact]
    public void InternVL2_without_a_file_normalises_as_ImageNet()
    {
        var crop = InternVlPreprocessor.Load(Path.Combine(_folder, "absent.json"), new DynamicTiling(28, 1, 1, false)).Prepare(new RgbImage(28, 28, new byte[28 * 28 * 3]), 14).Single();
        Assert.Equal([-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f], [crop.PixelValues[0], crop.PixelValues[28 * 28], crop.PixelValues[2 * 28 * 28]]);
    }

    [Theory]
    [InlineData("", 3136, 1003520)]
    [InlineData(""" "min_pixels": 3136, "max_pixels": 12845056, """, 3136, 12845056)]
    [InlineData(""" "size": {"shortest_edge": 784, "longest_edge": 200704}, """, 784, 200704)]
    [InlineData(""" "size": {"min_pixels": 784, "max_pixels": 200704}, """, 784, 200704)]
    [InlineData(""" "min_pixels": 1000, "max_pixels": null, "size": {"shortest_edge": 784, "longest_edge": 200704}, """, 1000, 200704)]
    public void Limits_of_pixels_have_several_names(string limits, int min, int max)
    {
        var loaded = Qwen2VlPreprocessor.Load(Write("preprocessor_config.json", "{" + limits + Statistics + "}"));
        Assert.Equal(new SmartResize(28, min, max), loaded.Sizes);
        Assert.Equal((14, 2, 2), (loaded.PatchSize, loaded.MergeSize, loaded.Frames));
    }

    [Fact]
    public void Limits_that_are_given_win()
    {
        var file = Write("preprocessor_config.json", """{"min_pixels": 3136, "max_pixels": 12845056, """ + Statistics + "}");
        Assert.Equal(new SmartResize(28, 5000, 6000), Qwen2VlPreprocessor.Load(file, 5000, 6000).Sizes);
        Assert.Equal(new SmartResize(28, 3136, 6000), Qwen2VlPreprocessor.Load(file, maxPixels: 6000).Sizes);
        Assert.Throws<InputException>(() => Qwen2VlPreprocessor.Load(file, maxPixels: 3000));
        Assert.Throws<InputException>(() => Qwen2VlPreprocessor.Load(file, minPixels: 0));
    }

    [Theory]
    [InlineData("min_pixels", "0")]
    [InlineData("min_pixels", "2000000")]
    [InlineData("size", """{"longest_edge": "large"}""")]
    [InlineData("patch_size", "0")]
    [InlineData("merge_size", "2.5")]
    [InlineData("temporal_patch_size", "0")]
    [InlineData("image_mean", null)]
    [InlineData("do_resize", "false")]
    [InlineData("resample", "2")]
    public void What_Qwen2_VL_does_not_do_is_refused(string key, string? value) => Refused("{" + Statistics + "}", key, value, file => Qwen2VlPreprocessor.Load(file), key switch { "min_pixels" => "pixels", "size" => "longest_edge", _ => null });

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Refused(string config, string key, string? value, Func<string, object> load, string? named = null)
    {
        Assert.NotNull(load(Write("preprocessor_config.json", config)));
        var json = JsonNode.Parse(config)!.AsObject();
        if (value is null) json.Remove(key);
        else json[key] = JsonNode.Parse(value);
        var error = Assert.Throws<ModelFormatException>(() => load(Write("preprocessor_config.json", json.ToJsonString())));
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(named ?? key, error.Message, StringComparison.Ordinal);
    }

    private string Write(string name, string json)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, json);
        return file;
    }
}
