using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;

namespace FlowCut.Models.Tests.Backends;

/// <summary>What methods that compare and merge tokens compute: measures of pairs, mixtures of rows, points that lie far apart, means over heads.</summary>
public class TokenMeasureTests
{
    private static readonly Tolerance s_measure = new(2e-5, 64);

    [Theory]
    [InlineData(0, 3, 5)]
    [InlineData(1, 1, 1)]
    [InlineData(7, 9, 15)]
    [InlineData(33, 5, 64)]
    [InlineData(40, 41, 129)]
    public void Pairs_agree_with_double_precision(int m, int n, int width)
    {
        float[] x = TestData.Normal(1, m * width), y = TestData.Normal(2, n * width);
        foreach (var measure in Enum.GetValues<PairMeasure>())
        {
            var expected = new double[m * n];
            for (var i = 0; i < m; i++)
            {
                for (var j = 0; j < n; j++) expected[i * n + j] = Measure(measure, x.AsSpan(i * width, width), y.AsSpan(j * width, width));
            }

            foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
            {
                var results = Workspace.Everywhere(lanes, w =>
                {
                    var result = w.Output(m, n, layout);
                    w.Backend.Pairwise(measure, w.Input(x, m, width, layout), w.Input(y, n, width, layout), result);
                    return [w.Read(result)];
                });
                s_measure.Check(expected, results[0], measure.ToString());
            }
        }
    }

    [Fact]
    public void A_zero_row_is_like_nothing_and_shapes_are_checked()
    {
        using var w = new Workspace(2);
        Tensor x = w.Input([0, 0, 1, 1], 2, 2), y = w.Input([0, 0, 2, 2], 2, 2), result = w.Output(2, 2);
        w.Backend.Pairwise(PairMeasure.Cosine, x, y, result);
        Assert.Equal([0, 0, 0], w.Read(result)[..3]);
        Assert.Equal(1, w.Read(result)[3], 6);
        Assert.Throws<ArgumentException>(() => w.Backend.Pairwise(PairMeasure.Cosine, x, y.SliceColumns(0, 1), result));
        Assert.Throws<ArgumentException>(() => w.Backend.Pairwise(PairMeasure.Cosine, x, y, result.SliceRows(0, 1)));
    }

    [Fact]
    public void Rows_are_mixed_as_they_are_written_down()
    {
        var mix = new RowMix();
        mix.Add(2, 1);
        mix.AddMean([0, 1]);
        mix.EndRow();
        mix.EndRow();
        mix.Add(1, -0.5f);
        mix.EndRow();
        Assert.Equal(3, mix.Rows);
        var results = Workspace.Everywhere(16, w =>
        {
            var y = w.Output(3, 2, Layout.Strided);
            w.Backend.MixRows(w.Input([1, 2, 3, 4, 50, 60], 3, 2, Layout.Strided), mix, y);
            return [w.Read(y)];
        });
        Assert.Equal([52, 63, 0, 0, -1.5f, -2], results[0]);
        using var other = new Workspace(1);
        Assert.Throws<ArgumentException>(() => other.Backend.MixRows(other.Input([1, 2], 1, 2), mix, other.Output(3, 2)));
        Assert.Throws<ArgumentException>(() => other.Backend.MixRows(other.Input([1, 2, 3, 4, 5, 6], 3, 2), mix, other.Output(2, 2)));
    }

    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(9, 9, 5)]
    [InlineData(50, 20, 70)]
    public void Far_points_are_those_of_the_definition(int count, int keep, int width)
    {
        var x = TestData.Normal(3, count * width);
        var results = Workspace.Everywhere(16, w => [Array.ConvertAll(Farthest(w.Backend, w.Input(x, count, width, Layout.Strided), keep), i => (float)i)]);
        var chosen = new List<int>();
        while (chosen.Count < keep)
        {
            var rest = Enumerable.Range(0, count).Except(chosen);
            chosen.Add(rest.MaxBy(i => (chosen.Count == 0 ? Enumerable.Range(0, count).Where(j => j != i) : chosen).Select(j => Distance(i, j)).DefaultIfEmpty(double.PositiveInfinity).Min()));
        }

        Assert.Equal(chosen, results[0].Select(i => (int)i));

        double Distance(int i, int j) => 1 - Measure(PairMeasure.Cosine, x.AsSpan(i * width, width), x.AsSpan(j * width, width));
    }

    [Fact]
    public void Equal_rows_are_chosen_once_each_by_their_order_and_what_is_no_number_shows()
    {
        using var w = new Workspace(2);
        Assert.Equal([0, 1, 2], Farthest(w.Backend, w.Input([1, 1, 1, 1, 1, 1], 3, 2), 3));
        Assert.Equal([-1, -1], Farthest(w.Backend, w.Input([1, 1, float.NaN, 1, 1, 1], 3, 2), 2));
        Assert.Empty(Farthest(w.Backend, w.Input([1, 1], 1, 2), 0));
        using var points = w.Backend.AllocateIndices(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.FarthestPoints(w.Input([1, 1], 1, 2), 2, points, 0));
    }

    [Fact]
    public void Probabilities_are_averaged_over_heads_and_added_up()
    {
        var logs = TestData.Normal(4, 3 * 700, 4);
        var results = Workspace.Everywhere(16, w =>
        {
            var sums = w.Input(Enumerable.Repeat(1f, 700).ToArray(), 1, 700);
            w.Backend.AddMeanProbabilities(w.Input(logs, 3, 700, Layout.Strided), 0.5f, sums);
            return [w.Read(sums)];
        });
        double[] expected = [.. Enumerable.Range(0, 700).Select(j => 1 + 0.5 * Enumerable.Range(0, 3).Average(head => Math.Exp(logs[head * 700 + j])))];
        new Tolerance(1e-6, 16).Check(expected, results[0], "sums");
    }

    private static int[] Farthest(CpuBackend backend, Tensor x, int count)
    {
        using var points = backend.AllocateIndices(count);
        backend.FarthestPoints(x, count, points, 0);
        var order = new int[count];
        backend.Download(points, order);
        return order;
    }

    private static double Measure(PairMeasure measure, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double product = 0, first = 0, second = 0, distance = 0;
        for (var k = 0; k < a.Length; k++)
        {
            product += (double)a[k] * b[k];
            first += (double)a[k] * a[k];
            second += (double)b[k] * b[k];
            distance += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
        }

        return measure switch { PairMeasure.Product => product, PairMeasure.Cosine => product / Math.Sqrt(first * second), _ => distance };
    }
}
