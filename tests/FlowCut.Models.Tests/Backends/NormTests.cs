namespace FlowCut.Models.Tests.Backends;

public class NormTests
{
    public static readonly TheoryData<int, int> Shapes = new()
    {
        { 0, 8 }, { 1, 1 }, { 3, 2 }, { 2, 15 }, { 5, 16 }, { 7, 17 }, { 1, 63 }, { 2, 64 }, { 33, 65 }, { 4, 577 }, { 70, 1024 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayerNorm_agrees_with_double_precision(int rows, int columns)
    {
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var x = TestData.Normal(1, rows * columns, 2, outlier: 20);
            var weight = TestData.Normal(2, columns);
            var bias = TestData.Normal(3, columns);
            var results = Workspace.Everywhere(lanes, w =>
            {
                var y = w.Output(rows, columns, layout);
                w.Backend.LayerNorm(w.Input(x, rows, columns, layout), w.Input(weight, 1, columns), w.Input(bias, 1, columns), 1e-5f, y);
                return [w.Read(y)];
            });
            Tolerance.LayerNorm.Check(Oracle.LayerNorm(x, rows, columns, weight, bias, 1e-5f), results[0], "y");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RmsNorm_agrees_with_double_precision(int rows, int columns)
    {
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var x = TestData.Normal(4, rows * columns, 2, outlier: 20);
            var weight = TestData.Normal(5, columns);
            var results = Workspace.Everywhere(lanes, w =>
            {
                var y = w.Output(rows, columns, layout);
                w.Backend.RmsNorm(w.Input(x, rows, columns, layout), w.Input(weight, 1, columns), 1e-6f, y);
                return [w.Read(y)];
            });
            Tolerance.RmsNorm.Check(Oracle.RmsNorm(x, rows, columns, weight, 1e-6f), results[0], "y");
        }
    }

    [Fact]
    public void Hand_worked_rows()
    {
        using var w = new Workspace(1);
        var x = w.Input([1, 3, 5, 3], 2, 2);
        var y = w.Output(2, 2);
        w.Backend.LayerNorm(x, w.Input([1, 2], 1, 2), w.Input([10, 20], 1, 2), 0, y);
        Assert.Equal([9, 22, 11, 18], w.Read(y));
        w.Backend.RmsNorm(w.Input([3, -3], 1, 2), w.Input([1, 2], 1, 2), 0, y.SliceRows(0, 1));
        Assert.Equal([1, -2], w.Read(y)[..2]);
    }

    [Fact]
    public void A_constant_row_has_no_variance_however_large_it_is()
    {
        // The mean of squares minus the square of the mean would be far from 0 here.
        using var w = new Workspace(1);
        var y = w.Output(1, 64);
        w.Backend.LayerNorm(w.Input([.. Enumerable.Repeat(4096.5f, 64)], 1, 64), w.Input([.. Enumerable.Repeat(1f, 64)], 1, 64), w.Input([.. Enumerable.Repeat(0.25f, 64)], 1, 64), 1e-5f, y);
        Assert.All(w.Read(y), v => Assert.Equal(0.25f, v));
    }

    [Fact]
    public void The_result_may_replace_the_input()
    {
        var values = TestData.Normal(1, 3 * 70);
        var weight = TestData.Normal(2, 70);
        using var w = new Workspace(2);
        var (x, scale, y) = (w.Input(values, 3, 70), w.Input(weight, 1, 70), w.Output(3, 70));
        w.Backend.LayerNorm(x, scale, scale, 1e-5f, y);
        w.Backend.LayerNorm(x, scale, scale, 1e-5f, x);
        Assert.Equal(w.Read(y), w.Read(x));
        w.Backend.RmsNorm(x, scale, 1e-5f, y);
        w.Backend.RmsNorm(x, scale, 1e-5f, x);
        Assert.Equal(w.Read(y), w.Read(x));
    }

    [Fact]
    public void Not_a_number_stays_in_its_row()
    {
        var values = TestData.Normal(1, 3 * 40);
        values[50] = float.NaN;
        using var w = new Workspace(1);
        var (x, scale, y) = (w.Input(values, 3, 40), w.Input(TestData.Normal(2, 40), 1, 40), w.Output(3, 40));
        w.Backend.LayerNorm(x, scale, scale, 1e-5f, y);
        Assert.Equal(Enumerable.Range(0, 120).Select(i => i / 40 == 1), w.Read(y).Select(float.IsNaN));
        w.Backend.RmsNorm(x, scale, 1e-5f, y);
        Assert.Equal(Enumerable.Range(0, 120).Select(i => i / 40 == 1), w.Read(y).Select(float.IsNaN));
    }

    [Fact]
    public void Steady_state_allocates_nothing_and_shapes_are_checked()
    {
        using var w = new Workspace(2);
        var (x, weight, y) = (w.Input(TestData.Normal(1, 100 * 512), 100, 512), w.Input(TestData.Normal(2, 512), 1, 512), w.Output(100, 512));
        w.CheckNoAllocation(b =>
        {
            b.LayerNorm(x, weight, weight, 1e-5f, y);
            b.RmsNorm(x, weight, 1e-5f, y);
        });
        Assert.Throws<ArgumentException>(() => w.Backend.LayerNorm(x, weight.SliceColumns(0, 511), weight, 1e-5f, y));
        Assert.Throws<ArgumentException>(() => w.Backend.LayerNorm(x, weight, weight, 1e-5f, y.SliceRows(0, 99)));
        Assert.Throws<ArgumentException>(() => w.Backend.RmsNorm(x, weight, 1e-5f, y.SliceColumns(1, 511)));
        Assert.Throws<ArgumentException>(() => w.Backend.RmsNorm(x with { Rows = 101, Offset = 70 }, weight, 1e-5f, y with { Rows = 101 }));
    }
}
