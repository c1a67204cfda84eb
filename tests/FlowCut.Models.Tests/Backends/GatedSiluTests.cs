namespace FlowCut.Models.Tests.Backends;

public class GatedSiluTests
{
    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 1)]
    [InlineData(3, 15)]
    [InlineData(2, 64)]
    [InlineData(5, 65)]
    [InlineData(40, 577)]
    public void Agrees_with_double_precision(int rows, int columns)
    {
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var gateUp = TestData.Normal(1, rows * 2 * columns, 4, outlier: 20);
            var results = Workspace.Everywhere(lanes, w =>
            {
                var y = w.Output(rows, columns, layout);
                w.Backend.GatedSilu(w.Input(gateUp, rows, 2 * columns, layout), y);
                return [w.Read(y)];
            });
            Tolerance.GatedSilu.Check(Oracle.GatedSilu(gateUp, rows, columns), results[0], "y");
        }
    }

    [Fact]
    public void Extreme_gates()
    {
        using var w = new Workspace(1);
        var gates = new float[] { 0, 1000, -1000, float.NaN, 88, -88, 3e38f, -3e38f, 0, 0, 0, 0, 0, 0, 0, 0 };
        var y = w.Output(1, 16);
        w.Backend.GatedSilu(w.Input([.. gates, .. Enumerable.Repeat(1f, 16)], 1, 32), y);
        var result = w.Read(y);
        Assert.Equal([0, 1000, 0, float.NaN, 88], result[..5]);
        Assert.Equal([3e38f, 0], result[6..8]);
    }

    [Fact]
    public void Shapes_are_checked_and_nothing_is_allocated()
    {
        using var w = new Workspace(2);
        var (gateUp, y) = (w.Input(TestData.Normal(1, 64 * 800), 64, 800), w.Output(64, 400));
        w.CheckNoAllocation(b => b.GatedSilu(gateUp, y));
        Assert.Throws<ArgumentException>(() => w.Backend.GatedSilu(gateUp, y.SliceColumns(0, 399)));
    }
}
