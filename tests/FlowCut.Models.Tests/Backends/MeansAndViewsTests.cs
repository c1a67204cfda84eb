using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

public class MeansAndViewsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(160)]
    public void The_mean_of_each_sequence_agrees_with_double_precision(int columns)
    {
        int[] offsets = [0, 1, 1, 38, 738, 738];
        var x = TestData.Normal(1, 738 * columns, outlier: 20);
        var expected = Enumerable.Range(0, 5 * columns).Select(i =>
        {
            var (start, end) = (offsets[i / columns], offsets[i / columns + 1]);
            return start == end ? 0 : Enumerable.Range(start, end - start).Average(r => (double)x[r * columns + i % columns]);
        }).ToArray();
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var results = Workspace.Everywhere(lanes, w =>
            {
                var mean = w.Output(5, columns, layout);
                w.Backend.SequenceMean(w.Input(x, 738, columns, layout), new Sequences(offsets), mean);
                return [w.Read(mean)];
            });
            // the roundings of sums of up to 700 values of about 1
            new Tolerance(5e-6, 8).Check(expected, results[0], "mean");
        }
    }

    [Fact]
    public void Means_are_checked_and_nothing_is_allocated()
    {
        using var w = new Workspace(2);
        var (x, mean, sequences) = (w.Input(TestData.Normal(1, 60), 6, 10), w.Output(2, 10), new Sequences(0, 2, 6));
        w.CheckNoAllocation(b => b.SequenceMean(x, sequences, mean));
        Assert.Throws<ArgumentException>(() => w.Backend.SequenceMean(x.SliceRows(0, 5), sequences, mean));
        Assert.Throws<ArgumentException>(() => w.Backend.SequenceMean(x, sequences, mean.SliceRows(0, 1)));
        Assert.Throws<ArgumentException>(() => w.Backend.SequenceMean(x, sequences, mean.SliceColumns(0, 9)));
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 1)]
    [InlineData(33, 67)]
    public void LayerScale_adds_the_scaled_columns(int rows, int columns)
    {
        var (x, y, scale) = (TestData.Normal(1, rows * columns), TestData.Normal(2, rows * columns), TestData.Normal(3, columns));
        var expected = y.Select((v, i) => v + (double)x[i] * scale[i % columns]).ToArray();
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var results = Workspace.Everywhere(lanes, w =>
            {
                var output = w.Input(y, rows, columns, layout);
                w.Backend.LayerScale(w.Input(x, rows, columns, layout), w.Input(scale, 1, columns), output);
                return [w.Read(output)];
            });
            new Tolerance(1e-6, 4).Check(expected, results[0], "y");
        }
    }

    [Fact]
    public void LayerScale_is_checked_and_allocates_nothing()
    {
        using var w = new Workspace(2);
        var (x, y, scale) = (w.Input(TestData.Normal(1, 60), 6, 10), w.Input(TestData.Normal(1, 60), 6, 10), w.Input(TestData.Normal(1, 10), 1, 10));
        w.CheckNoAllocation(b => b.LayerScale(x, scale, y));
        Assert.Throws<ArgumentException>(() => w.Backend.LayerScale(x.SliceRows(0, 5), scale, y));
        Assert.Throws<ArgumentException>(() => w.Backend.LayerScale(x, scale.SliceColumns(0, 9), y));
    }

    [Fact]
    public void GatherIndices_takes_numbers_in_the_order_given()
    {
        using var w = new Workspace(1);
        using var numbers = w.Backend.AllocateIndices(12);
        w.Backend.Upload([10, 11, 12, 13, 2, 0, 2, 3, -1, -1, -1, -1], numbers);
        var (source, rows, destination) = (new IndexView(numbers, 1, 3), new IndexView(numbers, 4, 3), new IndexView(numbers, 8, 3));
        w.Backend.GatherIndices(source, rows, destination);
        var all = new int[12];
        w.Backend.Download(numbers, all);
        Assert.Equal([10, 11, 12, 13, 2, 0, 2, 3, 13, 11, 13, -1], all);
        w.CheckNoAllocation(b => b.GatherIndices(source, rows, destination));
        Assert.Throws<ArgumentException>(() => w.Backend.GatherIndices(source, rows, destination.Slice(0, 2)));
        // row 3 is beyond the three of the source
        Assert.Throws<ArgumentException>(() => w.Backend.GatherIndices(source, new IndexView(numbers, 5, 3), destination));
    }

    [Fact]
    public void Joined_rows_are_the_same_numbers()
    {
        using var w = new Workspace(1);
        var values = TestData.Normal(1, 24);
        var x = w.Input(values, 8, 3);
        var joined = x.SliceRows(4, 4).JoinRows(2);
        Assert.Equal((2, 6, 6), (joined.Rows, joined.Columns, joined.Stride));
        Assert.Equal(values[12..], w.Read(joined));
        Assert.Equal(values, w.Read(x.JoinRows(1)));
        Assert.Throws<ArgumentException>(() => x.JoinRows(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.JoinRows(0));
        Assert.Throws<ArgumentException>(() => x.SliceColumns(0, 2).JoinRows(2));
    }
}
