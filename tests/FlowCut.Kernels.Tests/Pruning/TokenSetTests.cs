using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

/// <summary>What methods that compare, merge and spread tokens launch.</summary>
[Collection(DeviceCollection.Name)]
public class TokenSetTests
{
    [Fact]
    public void Head_means_and_mixtures_agree_with_the_oracle() => MergingTable.Cases.CheckOnEachDevice();

    [Fact]
    public void Measures_of_pairs_agree_with_the_oracle() => PairwiseTable.Cases.CheckOnEachDevice();

    [Fact]
    public void Farthest_points_agree_with_the_oracle() => GreedyTable.FarthestPoints.CheckOnEachDevice();

    [Fact]
    public void Greedy_determinants_agree_with_the_oracle() => GreedyTable.GreedyDeterminant.CheckOnEachDevice();

    [Fact]
    public void The_oracles_agree_with_values_worked_by_hand()
    {
        Assert.Equal([11.0, 0.96, 4.0], Enum.GetValues<PairMeasure>().Select(m => PairwiseOracle.Measure(m, [3, 4], m == PairMeasure.Cosine ? [4, 3] : m == PairMeasure.Product ? [1, 2] : [3, 2])));
        // rows 0 and 1 are one direction, 2 is at right angles to it, 3 opposite
        var distances = FarthestPointsOracle.Distances([1, 0, 2, 0, 0, 3, -1, 0], 4, 2);
        Assert.Equal((2, 1.0), FarthestPointsOracle.Ranked(distances, [])[0]);
        Assert.Equal((0, 1.0), FarthestPointsOracle.Ranked(distances, [2])[0]);
        Assert.Equal((3, 1.0), FarthestPointsOracle.Ranked(distances, [2, 0])[0]);
        // gains 1, 4, 4; then 1 and 4·(1 − 0.6²)
        var determinant = new GreedyDeterminantOracle([0, 0, 1, 2, 0, 0, 3, 4, 0], [1, 2, 2], 3);
        Assert.Equal((1, 4.0), determinant.Best());
        determinant.Choose(1);
        Assert.Equal(2, determinant.Best().Row);
        Assert.Equal(4 * 0.64, determinant.Best().Gain, 1e-12);
    }

    [Fact]
    public void Tiles_are_smaller_where_the_large_ones_would_not_fill_the_device()
    {
        foreach (var device in TestDevice.Available())
        {
            var info = device.Kernels.Device;
            DeviceMatrix Rows(int rows, ElementType type) => new(4096, type, rows, 64);
            Assert.Equal(new PairTile(16, 4, true), PairTile.Of(info, Rows(32, ElementType.Float32), Rows(32, ElementType.Float32)));
            var large = Rows(32 * info.Multiprocessors, ElementType.Float16);
            Assert.Equal(new PairTile(32, 8, true), PairTile.Of(info, large, large));
            Assert.Equal(new PairTile(32, 4, false), PairTile.Of(info, large with { Pointer = 4098 }, large));
        }
    }

    [Fact]
    public void Arguments_that_make_no_sense_are_refused()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            var (kernels, stream) = (bench.Kernels, bench.Stream);
            DeviceMatrix x = bench.Matrix(null, 4, 6, ElementType.Float32), half = bench.Matrix(null, 4, 6, ElementType.Float16), square = bench.Matrix(null, 4, 4, ElementType.Float32);
            DeviceArray<int> three = bench.Output<int>(3), five = bench.Output<int>(5);
            DeviceArray<float> singles = bench.Output<float>(6);
            DeviceArray<long> words = bench.Output<long>(100);
            Action[] bad =
            [
                () => MeanProbabilities.Launch(kernels, half, singles, 1, stream),
                () => MeanProbabilities.Launch(kernels, x, singles.Slice(0, 5), 1, stream),
                () => MeanProbabilities.Launch(kernels, x with { Rows = 0 }, singles, 1, stream),
                () => MeanProbabilities.Launch(kernels, x, new DeviceArray<float>(x.Pointer, 6), 1, stream),
                () => Pairwise.Launch(kernels, (PairMeasure)3, x, x, square, stream),
                () => Pairwise.Launch(kernels, PairMeasure.Product, x, x.SliceColumns(0, 5), square, stream),
                () => Pairwise.Launch(kernels, PairMeasure.Product, x, x, square.SliceRows(0, 3), stream),
                () => Pairwise.Launch(kernels, PairMeasure.Product, x, x, bench.Matrix(null, 4, 4, ElementType.Float16), stream),
                () => Pairwise.Launch(kernels, PairMeasure.Product, square, x.SliceColumns(0, 4), square, stream),
                () => MixRows.Launch(kernels, x, three, three, singles, half, stream),
                () => MixRows.Launch(kernels, x, five, five, singles.Slice(0, 4), half, stream),
                () => MixRows.Launch(kernels, x, five, five, singles, half.SliceColumns(0, 5), stream),
                () => MixRows.Launch(kernels, x, five, five, singles, x, stream),
                () => FarthestPoints.Launch(kernels, x, five, words, stream),
                () => FarthestPoints.Launch(kernels, x, three, words.Slice(0, FarthestPoints.ScratchLength(4, 3) - 1), stream),
                () => GreedyDeterminant.Launch(kernels, x, singles, five, words, stream),
                () => GreedyDeterminant.Launch(kernels, x, singles.Slice(0, 3), three, words, stream),
                () => GreedyDeterminant.Launch(kernels, x, singles, three, words.Slice(0, GreedyDeterminant.ScratchLength(4, 3) - 1), stream),
            ];
            Assert.All(bad, launch => Assert.ThrowsAny<ArgumentException>(launch));
        }
    }
}
