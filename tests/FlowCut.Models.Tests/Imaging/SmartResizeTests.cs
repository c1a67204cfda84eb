using System.Text.Json;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Imaging;

public class SmartResizeTests
{
    [Fact]
    public void Every_recorded_size_becomes_what_transformers_makes_of_it()
    {
        var lines = File.ReadAllLines(Goldens.Require("qwen2-vl-tiny/smart-resize.jsonl"));
        Assert.Equal(800, lines.Length);
        Assert.All(lines, line =>
        {
            using var json = JsonDocument.Parse(line);
            int Get(string key) => json.RootElement.GetProperty(key).GetInt32();
            var sizes = new SmartResize(28, Get("min_pixels"), Get("max_pixels"));
            if (json.RootElement.TryGetProperty("newer_error", out _))
            {
                var error = Assert.Throws<PictureFormatException>(() => sizes.Choose(Get("width"), Get("height"), "thin.png"));
                Assert.Contains("thin.png", error.Message, StringComparison.Ordinal);
                return;
            }

            var expected = json.RootElement.GetProperty("newer_resized");
            Assert.Equal((expected[1].GetInt32(), expected[0].GetInt32()), sizes.Choose(Get("width"), Get("height")));
        });
    }

    [Fact]
    public void Halves_go_to_the_even_multiple()
    {
        var sizes = new SmartResize(28, 1, 1_000_000);
        Assert.Equal((56, 56), sizes.Choose(42, 70));
        Assert.Equal((112, 56), sizes.Choose(98, 56));
    }

    [Fact]
    public void Shrinking_leaves_one_group() => Assert.Equal((28, 28), new SmartResize(28, 1, 100).Choose(200, 100));

    [Fact]
    public void Enlarging_over_the_limit_is_refused()
    {
        var error = Assert.Throws<PictureFormatException>(() => new SmartResize(28, 400_000_000, 400_000_000).Choose(100, 100, "small.png"));
        Assert.Contains("small.png", error.Message, StringComparison.Ordinal);
    }
}
