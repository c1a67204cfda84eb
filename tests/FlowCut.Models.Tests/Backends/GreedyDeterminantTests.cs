using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

/// <summary>The greedy determinant against determinants of every candidate set, in double precision.</summary>
public class GreedyDeterminantTests
{
    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(5, 3, 4)]
    [InlineData(9, 9, 15)]
    [InlineData(17, 8, 33)]
    [InlineData(40, 16, 129)]
    public void Points_are_those_of_the_definition(int rows, int count, int width)
    {
        var x = TestData.Normal(5, rows * width);
        float[] relevance = [.. TestData.Normal(6, rows).Select(MathF.Abs)];
        var expected = ByDeterminants(x, relevance, rows, count, width);
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var results = Workspace.Everywhere(lanes, w =>
                [Array.ConvertAll(Choose(w.Backend, w.Input(x, rows, width, layout), w.Input(relevance, 1, rows), count), i => (float)i)]);
            Assert.Equal(expected, results[0].Select(i => (int)i));
        }
    }

    /// <summary>Worked by hand: gains 1, 4, 4; then 1 and 4·(1 − 0.6²).</summary>
    [Fact]
    public void Relevance_counts_twice_and_ties_go_to_the_lowest()
    {
        using var w = new Workspace(2);
        float[] x = [0, 0, 1, 2, 0, 0, 3, 4, 0];
        Assert.Equal([1, 2, 0], Choose(w.Backend, w.Input(x, 3, 3), w.Input([1, 2, 2], 1, 3), 3));
        Assert.Equal([1, 0, 2], Choose(w.Backend, w.Input(x, 3, 3), w.Input([1.7f, 2, 2], 1, 3), 3));
        Assert.Equal([0, 1, 2], Choose(w.Backend, w.Input([1, 0, 0, 0, 1, 0, 0, 0, 1], 3, 3), w.Input([1, 1, 1], 1, 3), 3));
    }

    [Fact]
    public void Beyond_the_rank_there_are_no_points()
    {
        using var w = new Workspace(2);
        Assert.Equal([0, 1, -1, -1], Choose(w.Backend, w.Input([1, 0, 0, 2, 3, 0, 0, 1], 4, 2), w.Input([1, 1, 1, 1], 1, 4), 4));
        // a row of zeros and one without relevance are like nothing and add nothing
        Assert.Equal([2, -1, -1], Choose(w.Backend, w.Input([0, 0, 1, 0, 0, 1], 3, 2), w.Input([1, 0, 1], 1, 3), 3));
    }

    [Fact]
    public void A_row_that_is_no_number_is_no_point_and_spoils_no_other()
    {
        using var w = new Workspace(2);
        Assert.Equal([2, 0, -1], Choose(w.Backend, w.Input([1, 0, float.NaN, 1, 0, 1], 3, 2), w.Input([1, 9, 2], 1, 3), 3));
        Assert.Equal([2, 0, -1], Choose(w.Backend, w.Input([1, 0, float.PositiveInfinity, 1, 0, 1], 3, 2), w.Input([1, 9, 2], 1, 3), 3));
        Assert.Equal([2, 0, -1], Choose(w.Backend, w.Input([1, 0, 1, 1, 0, 1], 3, 2), w.Input([1, float.NaN, 2], 1, 3), 3));
        Assert.Equal([2, 0, -1], Choose(w.Backend, w.Input([1, 0, 1, 1, 0, 1], 3, 2), w.Input([1, float.PositiveInfinity, 2], 1, 3), 3));
    }

    [Fact]
    public void Points_are_written_where_they_are_wanted_and_arguments_are_checked()
    {
        using var w = new Workspace(2);
        Tensor x = w.Input([1, 0, 0, 1], 2, 2), relevance = w.Input([1, 2], 1, 2);
        using var points = w.Backend.AllocateIndices(4);
        w.Backend.Upload([7, 7, 7, 7], points);
        w.Backend.GreedyDeterminant(x, relevance, 2, points, 1);
        w.Backend.GreedyDeterminant(x, relevance, 0, points, 0);
        var written = new int[4];
        w.Backend.Download(points, written);
        Assert.Equal([7, 1, 0, 7], written);
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Backend.GreedyDeterminant(x, relevance, 3, points, 0));
        Assert.Throws<ArgumentException>(() => w.Backend.GreedyDeterminant(x, relevance, 2, points, 3));
        Assert.Throws<ArgumentException>(() => w.Backend.GreedyDeterminant(x, relevance.SliceColumns(0, 1), 2, points, 0));
    }

    private static int[] Choose(Backend backend, Tensor x, Tensor relevance, int count)
    {
        using var points = backend.AllocateIndices(count);
        backend.GreedyDeterminant(x, relevance, count, points, 0);
        var order = new int[count];
        backend.Download(points, order);
        return order;
    }

    /// <summary>Every further row is the one with which the determinant is largest.</summary>
    private static List<int> ByDeterminants(float[] x, float[] relevance, int rows, int count, int width)
    {
        var chosen = new List<int>();
        while (chosen.Count < count)
            chosen.Add(Enumerable.Range(0, rows).Except(chosen).MaxBy(i => Determinant([.. chosen, i])));
        return chosen;

        double Determinant(int[] set)
        {
            var matrix = new double[set.Length, set.Length];
            for (var a = 0; a < set.Length; a++)
            {
                for (var b = 0; b < set.Length; b++)
                    matrix[a, b] = (double)relevance[set[a]] * relevance[set[b]] * Product(set[a], set[b]) / Math.Sqrt(Product(set[a], set[a]) * Product(set[b], set[b]));
            }

            var determinant = 1.0;
            for (var k = 0; k < set.Length; k++)
            {
                determinant *= matrix[k, k];
                for (var a = k + 1; a < set.Length; a++)
                {
                    for (var b = set.Length - 1; b >= k; b--) matrix[a, b] -= matrix[a, k] / matrix[k, k] * matrix[k, b];
                }
            }

            return determinant;
        }

        double Product(int a, int b)
        {
            var sum = 0.0;
            for (var k = 0; k < width; k++) sum += (double)x[a * width + k] * x[b * width + k];
            return sum;
        }
    }
}
