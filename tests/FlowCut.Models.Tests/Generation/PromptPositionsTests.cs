using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tests.Backends;

namespace FlowCut.Models.Tests.Generation;

public sealed class PromptPositionsTests : IDisposable
{
    private readonly CpuBackend _backend = new(1);
    private readonly List<EncodedPicture> _pictures = [];

    public void Dispose()
    {
        foreach (var picture in _pictures) picture.Dispose();
        _backend.Dispose();
    }

    [Theory]
    [InlineData(PositionPolicy.Compact, new[] { 0, 1, 2, 3, 4, 5, 6 }, 7)]
    [InlineData(PositionPolicy.Original, new[] { 0, 1, 3, 5, 8, 9, 11 }, 14)]
    public void On_one_axis_kept_tokens_close_up_or_stay_where_they_were(PositionPolicy policy, int[] expected, int next)
    {
        var positions = new PromptPositions(7, 1, policy);
        positions.AddText(1);
        positions.Add(Picture([0, 2, 4], 7, null));
        positions.AddText(1);
        positions.Add(Picture([0, 2], 5, null));
        Assert.Equal(expected, positions.Values);
        Assert.Equal(next, positions.Next);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Text_counts_on_equally_on_every_axis(int axes)
    {
        var positions = new PromptPositions(5, axes, PositionPolicy.Compact);
        positions.AddText(0);
        positions.AddText(2);
        positions.AddText(3);
        Assert.Equal([.. Enumerable.Repeat(new[] { 0, 1, 2, 3, 4 }, axes).SelectMany(x => x)], positions.Values);
        Assert.Equal(5, positions.Next);
    }

    [Fact]
    public void On_three_axes_a_kept_token_stands_at_its_row_and_column()
    {
        // 4 columns, 2 rows: tokens 1, 4 and 7 are at (0, 1), (1, 0) and (1, 3); text goes on behind 2 + 4
        var positions = new PromptPositions(6, 3, PositionPolicy.Original);
        positions.AddText(2);
        positions.Add(Picture([1, 4, 7], 8, (4, 2)));
        positions.AddText(1);
        Assert.Equal([0, 1, 2, 2, 2, 6], positions.Values[..6]);
        Assert.Equal([0, 1, 2, 3, 3, 6], positions.Values[6..12]);
        Assert.Equal([0, 1, 3, 2, 5, 6], positions.Values[12..]);
        Assert.Equal(7, positions.Next);
    }

    /// <summary>Where the runs of picture tokens lie is read off the golden's prompt: 8×10 and 8×12 patches are 4×5 and 4×6 tokens.</summary>
    [Fact]
    public void Two_pictures_stand_where_the_golden_has_them()
    {
        var goldens = new GoldenTensors("qwen2-vl-tiny/unpruned-two.safetensors");
        var expected = goldens.Integers("language.position_ids");
        var rows = expected.Length / 3;
        Assert.Equal([3, rows], goldens.Shape("language.position_ids"));
        // where the axes first differ a picture's second token is
        var first = Enumerable.Range(0, rows).First(i => expected[i] != expected[2 * rows + i]) - 1;
        var second = Enumerable.Range(first + 20, rows - first - 20).First(i => expected[i] != expected[2 * rows + i]) - 1;
        var positions = new PromptPositions(rows, 3, PositionPolicy.Original);
        positions.AddText(first);
        positions.Add(Picture([.. Enumerable.Range(0, 20)], 20, (5, 4)));
        positions.AddText(second - first - 20);
        positions.Add(Picture([.. Enumerable.Range(0, 24)], 24, (6, 4)));
        positions.AddText(rows - second - 24);
        Assert.Equal(expected, positions.Values.Select(x => (long)x));
        // the model's delta: what is added to the number of the next token
        Assert.Equal(goldens.Integers("language.rope_delta")[0], positions.Next - rows);
    }

    private EncodedPicture Picture(int[] numbers, int unpruned, (int Columns, int Rows)? grid)
    {
        var picture = new EncodedPicture(_backend.Allocate(numbers.Length, 4), [], numbers, unpruned) { Grid = grid };
        _pictures.Add(picture);
        return picture;
    }
}
