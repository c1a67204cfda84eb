namespace FlowCut.Kernels.Tests.Memory;

public class DeviceMatrixTests
{
    [Fact]
    public void Slices_address_the_same_elements()
    {
        var matrix = new DeviceMatrix(0x1000, ElementType.Float16, 10, 6, 8);
        Assert.Equal(new DeviceMatrix(0x1000 + 2 * (3 * 8), ElementType.Float16, 4, 6, 8), matrix.SliceRows(3, 4));
        Assert.Equal(new DeviceMatrix(0x1004, ElementType.Float16, 10, 3, 8), matrix.SliceColumns(2, 3));
        Assert.Equal(new DeviceMatrix(0x1000 + 2 * (10 * 8), ElementType.Float16, 0, 6, 8), matrix.SliceRows(10, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceRows(8, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceRows(-1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceColumns(int.MaxValue, int.MaxValue));
    }

    [Fact]
    public void Bytes_end_with_the_last_element()
    {
        Assert.Equal((9 * 8 + 6) * 2, new DeviceMatrix(0x1000, ElementType.BFloat16, 10, 6, 8).Bytes);
        Assert.Equal(0, new DeviceMatrix(0, ElementType.Float32, 0, 6).Bytes);
        Assert.Equal(5_000_000_000L * 4, new DeviceMatrix(0x1000, ElementType.Float32, 50_000, 100_000).Bytes);
        Assert.Throws<OverflowException>(() => new DeviceMatrix(0x1000, ElementType.Float32, 3, 1, long.MaxValue / 4).Bytes);
    }

    [Fact]
    public void Alignment_takes_pointer_stride_and_columns()
    {
        Assert.True(new DeviceMatrix(0x1000, ElementType.Float16, 10, 16, 24).IsAligned(16));
        Assert.False(new DeviceMatrix(0x1008, ElementType.Float16, 10, 16, 24).IsAligned(16));
        Assert.False(new DeviceMatrix(0x1000, ElementType.Float16, 10, 16, 20).IsAligned(16));
        Assert.True(new DeviceMatrix(0x1000, ElementType.Float16, 1, 16, 20).IsAligned(16));
        Assert.False(new DeviceMatrix(0x1000, ElementType.Float16, 10, 12, 24).IsAligned(16));
    }

    [Fact]
    public void Arrays_are_sliced_by_values()
    {
        var array = new DeviceArray<int>(0x1000, 10);
        Assert.Equal(new DeviceArray<int>(0x100c, 4), array.Slice(3, 4));
        Assert.Equal(40, array.Bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => array.Slice(7, 4));
    }
}
