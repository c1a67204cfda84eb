using System.Text.Json;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Imaging;

public sealed class DynamicTilingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    [Fact]
    public void Every_recorded_size_gets_the_grid_of_the_reference()
    {
        var lines = File.ReadAllLines(Goldens.Require("internvl2-tiny-internlm2/dynamic-preprocess.jsonl"));
        Assert.Equal(384, lines.Length);
        Assert.All(lines, line =>
        {
            using var json = JsonDocument.Parse(line);
            int Get(string key) => json.RootElement.GetProperty(key).GetInt32();
            var tiling = new DynamicTiling(Get("image_size"), 1, Get("max_num"), true);
            var (columns, rows) = tiling.Choose(Get("width"), Get("height"));
            Assert.Equal((Get("columns"), Get("rows")), (columns, rows));
            var thumbnail = json.RootElement.GetProperty("thumbnail").GetBoolean();
            Assert.Equal(thumbnail, columns * rows > 1);
            Assert.Equal(Get("tiles"), columns * rows + (thumbnail ? 1 : 0));
        });
    }

    [Fact]
    public void A_tie_goes_to_more_tiles_only_where_the_picture_fills_half_of_them()
    {
        // 1×1, 2×2 and 3×3 are equally square
        var tiling = new DynamicTiling(10, 1, 9, true);
        Assert.Equal((1, 1), tiling.Choose(14, 14));
        Assert.Equal((2, 2), tiling.Choose(15, 15));
        Assert.Equal((3, 3), tiling.Choose(22, 22));
    }

    [Fact]
    public void A_least_number_of_tiles_is_kept()
    {
        Assert.Equal((2, 2), new DynamicTiling(10, 2, 4, true).Choose(10, 10));
        Assert.Equal((1, 4), new DynamicTiling(10, 2, 4, true).Choose(1, 5000));
    }

    [Fact]
    public void The_configuration_is_read_with_the_authors_defaults()
    {
        Assert.Equal(new DynamicTiling(448, 1, 12, true), Read("""{"force_image_size": 448, "dynamic_image_size": true, "max_dynamic_patch": 12, "min_dynamic_patch": 1, "use_thumbnail": true}"""));
        Assert.Equal(new DynamicTiling(28, 1, 6, false), Read("""{"vision_config": {"image_size": 28}, "dynamic_image_size": true}"""));
        Assert.Equal(new DynamicTiling(28, 1, 1, false, IsDynamic: false), Read("""{"force_image_size": 28, "max_dynamic_patch": 12, "use_thumbnail": true}"""));
    }

    [Theory]
    [InlineData("""{"dynamic_image_size": true}""", "vision_config")]
    [InlineData("""{"force_image_size": 0}""", "force_image_size")]
    [InlineData("""{"force_image_size": 28, "dynamic_image_size": true, "min_dynamic_patch": 7}""", "max_dynamic_patch")]
    [InlineData("""{"force_image_size": 28, "dynamic_image_size": true, "max_dynamic_patch": 2000000000}""", "max_dynamic_patch")]
    [InlineData("""{"force_image_size": 28, "dynamic_image_size": true, "use_thumbnail": 1}""", "use_thumbnail")]
    public void Wrong_values_are_named(string json, string key)
    {
        var error = Assert.Throws<ModelFormatException>(() => Read(json));
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_limit_must_hold_a_grid()
    {
        var tiling = new DynamicTiling(448, 2, 6, true);
        Assert.Equal(tiling with { MaxTiles = 3 }, tiling.WithMaxTiles(3));
        Assert.Throws<InputException>(() => tiling.WithMaxTiles(1));
        Assert.Throws<InputException>(() => tiling.WithMaxTiles(int.MaxValue));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private DynamicTiling Read(string json)
    {
        var file = Path.Combine(_folder, "config.json");
        File.WriteAllText(file, json);
        return DynamicTiling.Read(JsonSection.Read(file));
    }
}
