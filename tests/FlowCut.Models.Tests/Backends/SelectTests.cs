using CsCheck;

namespace FlowCut.Models.Tests.Backends;

public class SelectTests
{
    [Theory]
    [InlineData("ties")]
    [InlineData("all-equal")]
    [InlineData("keep-all")]
    [InlineData("keep-one")]
    [InlineData("ties-at-the-edge")]
    public void Agrees_with_the_golden_selections(string name)
    {
        var goldens = new GoldenTensors("flow-unit.safetensors");
        var expected = goldens.Integers($"select.{name}.keep_indices");
        Assert.Equal(expected, Select(goldens.Singles($"select.{name}.cumulative"), expected.Length).Select(i => (long)i));
    }

    [Fact]
    public void Hand_worked_cases()
    {
        Assert.Equal([1, 3], Select([1, 5, 2, 5, 4], 2));
        Assert.Equal([1, 3], Select([float.NaN, -3, float.NaN, float.NegativeInfinity], 2));
        Assert.Equal([0, 1, 3], Select([float.NaN, -3, float.NaN, float.NegativeInfinity], 3));
        Assert.Equal([0], Select([0f, -0f], 1));
        Assert.Equal([0], Select([-0f, 0f], 1));
        Assert.Equal([2], Select([1, 2, float.PositiveInfinity], 1));
        Assert.Empty(Select([1, 2], 0));
        Assert.Empty(Select([], 0));
    }

    [Fact]
    public void Takes_the_largest_by_stable_descending_order() =>
        Gen.Select(Gen.Frequency((4, Gen.Int[-3, 3].Select(i => i / 2f)), (1, Gen.Single)).Array[0, 200], Gen.Double[0, 1]).Sample((scores, share) =>
        {
            var count = (int)(share * scores.Length);
            var expected = Enumerable.Range(0, scores.Length)
                .OrderBy(i => float.IsNaN(scores[i]))
                .ThenByDescending(i => scores[i] + 0f)
                .Take(count).Order();
            Assert.Equal(expected, Select(scores, count));
        });

    [Fact]
    public void Whole_groups_stay_by_the_sum_of_their_columns()
    {
        Assert.Equal([2, 3], Select([5, 0, 3, 3, 1, 2], 1, group: 2));
        Assert.Equal([0, 1, 4, 5], Select([2, 4, 1, 1, 3, 3], 2, group: 2));
        // the lower of two equal sums, NaN below every number
        Assert.Equal([0, 1], Select([2, 4, 3, 3], 1, group: 2));
        Assert.Equal([3, 4, 5], Select([9, float.NaN, 9, -1, -1, float.NegativeInfinity], 1, group: 3));
        Assert.Equal([3, 4, 5], Select([float.PositiveInfinity, float.NegativeInfinity, 0, -1, -1, -1], 1, group: 3));
        Assert.Empty(Select([1, 2], 0, group: 2));
    }

    [Fact]
    public void Groups_by_stable_descending_order_of_their_sums() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 60], Gen.Double[0, 1], Gen.Int[0, 1000]).Sample((group, groups, share, seed) =>
        {
            var random = new Random(seed);
            // halves, whose sums are exact in any order
            var scores = Enumerable.Range(0, group * groups).Select(_ => random.Next(40) == 0 ? float.NaN : random.Next(-3, 4) / 2f).ToArray();
            var count = (int)(share * groups);
            var expected = Enumerable.Range(0, groups)
                .OrderBy(g => scores.Skip(g * group).Take(group).Any(float.IsNaN))
                .ThenByDescending(g => scores.Skip(g * group).Take(group).Sum() is var sum && float.IsNaN(sum) ? 0 : sum)
                .Take(count).Order().SelectMany(g => Enumerable.Range(g * group, group));
            Assert.Equal(expected, Select(scores, count, group));
        });

    [Fact]
    public void The_offset_is_added_and_only_the_range_is_written()
    {
        using var w = new Workspace(2);
        using var rows = w.Backend.AllocateIndices(6);
        w.Backend.Upload([-1, -1, -1, -1, -1, -1], rows);
        w.Backend.SelectTop(w.Input([3, 1, 2, 0], 1, 4), 1, 2, 100, rows, 3);
        var all = new int[6];
        w.Backend.Download(rows, all);
        Assert.Equal([-1, -1, -1, 100, 102, -1], all);
    }

    [Theory]
    [InlineData(new float[] { 3 }, 0)]
    [InlineData(new float[] { 1, 3, 3, 2 }, 1)]
    [InlineData(new float[] { 1, 3, -5, float.NaN }, -1)]
    [InlineData(new float[] { float.NegativeInfinity, float.NegativeInfinity }, 0)]
    [InlineData(new float[] { float.NaN, float.NaN }, -1)]
    [InlineData(new float[] { 1, float.PositiveInfinity, float.PositiveInfinity }, 1)]
    [InlineData(new float[] { -0f, 0f }, 0)]
    public void ArgMax_is_the_lowest_index_of_the_largest_or_tells_that_one_is_no_number(float[] values, int expected)
    {
        using var w = new Workspace(1);
        Assert.Equal(expected, w.Backend.ArgMax(w.Input(values, 1, values.Length)));
    }

    [Fact]
    public void ArgMax_of_long_rows()
    {
        using var w = new Workspace(1);
        for (var at = 0; at < 200; at += 7)
        {
            var values = TestData.Normal(at, 200);
            values[at] = 50;
            if (at < 193) values[at + 6] = 50;
            Assert.Equal(at, w.Backend.ArgMax(w.Input(values, 1, 200)));
        }
    }

    [Fact]
    public void Arguments_are_checked_and_nothing_is_allocated()
    {
        using var w = new Workspace(1);
        using var rows = w.Backend.AllocateIndices(600);
        var scores = w.Input(TestData.Normal(1, 576), 1, 576);
        w.CheckNoAllocation(b =>
        {
            b.SelectTop(scores, 1, 288, 1, rows, 1);
            b.ArgMax(scores);
        });
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.SelectTop(scores, 1, 577, 0, rows, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.SelectTop(scores, 1, -1, 0, rows, 0));
        Assert.Throws<ArgumentException>(() => w.Backend.SelectTop(scores, 1, 500, 0, rows, 101));
        w.CheckNoAllocation(b => b.SelectTop(scores, 4, 72, 1, rows, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.SelectTop(scores, 0, 1, 0, rows, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.SelectTop(scores, 4, 145, 0, rows, 0));
        Assert.Throws<ArgumentException>(() => w.Backend.SelectTop(scores, 5, 1, 0, rows, 0));
        Assert.Throws<ArgumentException>(() => w.Backend.SelectTop(scores, 4, 144, 0, rows, 25));
        Assert.Throws<ArgumentException>(() => w.Backend.ArgMax(scores.SliceColumns(0, 0)));
    }

    private static int[] Select(float[] scores, int count, int group = 1)
    {
        using var w = new Workspace(1);
        using var rows = w.Backend.AllocateIndices(count * group);
        w.Backend.SelectTop(w.Input(scores, 1, scores.Length), group, count, 0, rows, 0);
        var selected = new int[count * group];
        w.Backend.Download(rows, selected);
        return selected;
    }
}
