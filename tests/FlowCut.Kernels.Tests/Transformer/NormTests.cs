using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class NormTests
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    [Fact]
    public void Every_case_agrees_with_the_oracle() => NormTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_oracle_agrees_with_rows_worked_by_hand()
    {
        // mean 3, variance 4
        Assert.Equal([-1.0, 12.0], NormOracle.LayerNorm([1, 5], [1, 10], [0, 2], 0));
        Assert.Equal([7.0, 7.0], NormOracle.LayerNorm([4, 4], [3, 3], [7, 7], 1e-5));
        // mean square 4
        Assert.Equal([0.5, -3.0], NormOracle.RmsNorm([1, -Math.Sqrt(7)], [1, 6 / Math.Sqrt(7)], 0), (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Fact]
    public void Long_rows_get_more_threads_and_views_that_are_not_aligned_single_elements()
    {
        DeviceMatrix Matrix(ElementType type, int columns, nint pointer = 4096) => new(pointer, type, 2, columns);
        var half = LayerNorm.Plan(Matrix(Half, 1024), default, Matrix(Half, 1024), Matrix(Half, 1024), Matrix(Half, 1024));
        Assert.Equal((8, 128), (half.Block.Vector, half.Block.RowThreads));
        Assert.Equal(4, RmsNorm.Plan(Matrix(Single, 1024), default, Matrix(Single, 1024), Matrix(Half, 1024)).Block.Vector);
        Assert.Equal(1, RmsNorm.Plan(Matrix(Half, 1024, 4098), default, Matrix(Half, 1024), Matrix(Half, 1024)).Block.Vector);
        Assert.Equal(1, RmsNorm.Plan(Matrix(Half, 1020), default, Matrix(Half, 1020), Matrix(Half, 1020)).Block.Vector);
        Assert.Equal(32, RowBlock.Of(512, 8).RowThreads);
        Assert.Equal((1024, 128), (RowBlock.Of(16384, 4).RowThreads, RowBlock.Of(520, 1).RowThreads));
        Assert.Throws<ArgumentException>(() => RowBlock.Of(16385, 8));
        Assert.Throws<ArgumentException>(() => RowBlock.Of(8193, 1));
    }
}
