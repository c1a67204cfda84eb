using System.Text.Json;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Imaging;

public class AnyResLayoutTests
{
    private const int PatchSize = 14;

    /// <summary>The authors' functions on 258 sizes for two tiles; transformers' for the choice.</summary>
    [Fact]
    public void Every_recorded_size_is_laid_out_as_the_reference_does()
    {
        var lines = File.ReadAllLines(Goldens.Require("preprocess/anyres-sizes.jsonl"));
        Assert.Equal(516, lines.Length);
        Assert.All(lines, line =>
        {
            using var json = JsonDocument.Parse(line);
            var expected = json.RootElement;
            int width = expected.GetProperty("width").GetInt32(), height = expected.GetProperty("height").GetInt32(), tile = expected.GetProperty("tile").GetInt32();
            var layout = AnyResLayout.Choose(width, height, tile, Pinpoints(tile), PreprocessMode.Original);
            Assert.Equal(Pair(expected, "best"), (layout.Width, layout.Height));
            Assert.Equal((expected.GetProperty("columns").GetInt32(), expected.GetProperty("rows").GetInt32()), (layout.Columns, layout.Rows));
            Assert.Equal(Pair(expected, "resized"), (layout.Picture.Width, layout.Picture.Height));
            Assert.Equal(Pair(expected, "pasted_at"), (layout.Picture.Left, layout.Picture.Top));

            var (side, remaining) = (tile / PatchSize, layout.Remaining(tile / PatchSize));
            var nothing = expected.TryGetProperty("nothing_left", out _);
            Assert.Equal(nothing, remaining.IsEmpty);
            Assert.Equal(nothing ? side * side : expected.GetProperty("tokens_unpruned").GetInt32(), layout.VisualTokens(side));
            if (!nothing)
            {
                Assert.Equal(Pair(expected, "rows_kept"), (remaining.Top, remaining.Top + remaining.Height));
                Assert.Equal(Pair(expected, "columns_kept"), (remaining.Left, remaining.Left + remaining.Width));
            }

            var other = AnyResLayout.Choose(width, height, tile, Pinpoints(tile), PreprocessMode.HuggingFace);
            Assert.Equal(Pair(expected, "hf_best"), (other.Width, other.Height));
        });
    }

    [Fact]
    public void A_square_of_four_tiles_has_2928_tokens() => Assert.Equal(2928, AnyResLayout.Choose(1000, 1000, 336, Pinpoints(336), PreprocessMode.Original).VisualTokens(24));

    /// <summary>110·(24/176) is 14.999999999999998 in doubles, which transformers rounds to seven digits first.</summary>
    [Theory]
    [InlineData(PreprocessMode.Original, 17, 14)]
    [InlineData(PreprocessMode.HuggingFace, 16, 16)]
    public void A_row_that_is_missing_by_rounding_counts_for_transformers(PreprocessMode mode, int top, int height) =>
        Assert.Equal(new Part(0, top, 24, height), new AnyResLayout(176, 110, 336, 1, 2, mode).Remaining(24));

    [Fact]
    public void Tiles_are_numbered_row_by_row()
    {
        var layout = new AnyResLayout(300, 200, 10, 3, 2, PreprocessMode.Original);
        Assert.Equal(
            [(0, 0), (10, 0), (20, 0), (0, 10), (10, 10), (20, 10)],
            Enumerable.Range(0, 6).Select(layout.TilePart).Select(p => (p.Left, p.Top)));
    }

    private static (int, int)[] Pinpoints(int tile) => [(tile, 2 * tile), (2 * tile, tile), (2 * tile, 2 * tile), (3 * tile, tile), (tile, 3 * tile)];

    private static (int, int) Pair(JsonElement element, string key) => (element.GetProperty(key)[0].GetInt32(), element.GetProperty(key)[1].GetInt32());
}
