using FlowCut.Kernels.Matmul;

namespace FlowCut.Kernels.Tests.Matmul;

public class ProductShapeTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(16, 16)]
    [InlineData(17, 32)]
    [InlineData(64, 64)]
    [InlineData(577, 640)]
    [InlineData(2881, 3072)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Rows_are_measured_in_steps(int rows, int expected) => Assert.Equal(expected, ProductShape.RoundUp(rows));

    [Fact]
    public void Steps_grow_with_the_rows_and_stay_close()
    {
        for (var rows = 1; rows < 20_000; rows++)
        {
            var rounded = ProductShape.RoundUp(rows);
            Assert.InRange(rounded, rows, rows + Math.Max(15, rows / 8));
            Assert.Equal(rounded, ProductShape.RoundUp(rounded));
        }
    }

    [Fact]
    public void Alignment_beyond_sixteen_bytes_makes_no_other_plan()
    {
        static ProductShape Of(nint pointer) => ProductShape.Of(
            new DeviceMatrix(pointer, ElementType.Float16, 5, 64), new DeviceMatrix(0x2000, ElementType.Float16, 32, 64), false, null, new DeviceMatrix(0x9000, ElementType.Float16, 5, 32));
        Assert.Equal(Of(0x1000), Of(0x1010));
        Assert.NotEqual(Of(0x1000), Of(0x1008));
        Assert.Equal(2, Of(0x1002).AlignmentX);
    }
}
