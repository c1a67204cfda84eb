namespace FlowCut.Kernels.Tests.Launching;

public class RequireTests
{
    private static DeviceMatrix Matrix(nint pointer, int rows, int columns, long stride, ElementType type = ElementType.Float16) => new(pointer, type, rows, columns, stride);

    [Theory]
    [InlineData(0x1000, 3, 4, 4)]
    [InlineData(0x1000, 1, 4, 0)]
    [InlineData(0x1002, 3, 4, 9)]
    [InlineData(0, 0, 4, 4)]
    [InlineData(0, 4, 0, 0)]
    public void Sensible_views_pass(int pointer, int rows, int columns, long stride) => Require.Valid(Matrix(pointer, rows, columns, stride));

    [Theory]
    [InlineData(0x1000, -1, 4, 4, "negative")]
    [InlineData(0x1000, 2, -4, 4, "negative")]
    [InlineData(0x1000, 2, 4, 3, "overlap")]
    [InlineData(0x1000, 2, 4, -4, "overlap")]
    [InlineData(0, 2, 4, 4, "null")]
    [InlineData(0x1001, 2, 4, 4, "multiple of 2")]
    [InlineData(0x1000, int.MaxValue, 4, long.MaxValue, "address space")]
    [InlineData(0x1000, 3, 4, long.MaxValue / 4, "address space")]
    public void Others_are_refused_with_the_argument_and_the_reason(int pointer, int rows, int columns, long stride, string reason)
    {
        var operand = Matrix(pointer, rows, columns, stride);
        var e = Assert.ThrowsAny<ArgumentException>(() => Require.Valid(operand));
        Assert.Equal(nameof(operand), e.ParamName);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shapes_types_and_lengths_are_compared()
    {
        var x = Matrix(0x1000, 3, 4, 4);
        Require.Shape(x, 3, 4);
        Assert.Contains("3×5", Assert.Throws<ArgumentException>(() => Require.Shape(x, 3, 5)).Message, StringComparison.Ordinal);
        Assert.Contains("Float32", Assert.Throws<ArgumentException>(() => Require.Type(x, ElementType.Float32)).Message, StringComparison.Ordinal);
        Assert.Contains("8 are needed", Assert.Throws<ArgumentException>(() => Require.Length(new DeviceArray<int>(0x1000, 7), 8)).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => Require.Length(new DeviceArray<int>(0x1002, 8), 8));
        Assert.ThrowsAny<ArgumentException>(() => Require.Valid(new DeviceArray<int>(0x1000, -1)));
    }

    [Fact]
    public void Overlaps_are_refused_also_with_an_empty_neighbour_allowed()
    {
        var x = Matrix(0x1000, 4, 8, 8);
        Require.Disjoint(x, Matrix(0x1040, 4, 8, 8));
        Require.Disjoint(x, Matrix(0x1000, 0, 8, 8));
        Assert.Throws<ArgumentException>(() => Require.Disjoint(x, Matrix(0x103e, 4, 8, 8)));
        Assert.Throws<ArgumentException>(() => Require.Disjoint(x, Matrix(0x0fc2, 4, 8, 8)));
        Require.SameOrDisjoint(x, x);
        Require.SameOrDisjoint(x, Matrix(0x1040, 4, 8, 8));
        Assert.Throws<ArgumentException>(() => Require.SameOrDisjoint(x, Matrix(0x1002, 4, 8, 8)));
        Assert.Throws<ArgumentException>(() => Require.SameOrDisjoint(x, Matrix(0x1000, 4, 8, 9)));
        Assert.Throws<ArgumentException>(() => Require.SameOrDisjoint(x, Matrix(0x1000, 4, 4, 8, ElementType.Float32)));
    }

    [Fact]
    public void Products_of_sizes_do_not_overflow_in_silence()
    {
        Assert.Equal(int.MaxValue, Require.Product(int.MaxValue, 1, "heads"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Require.Product(1 << 16, 1 << 15, "heads"));
    }

    [Fact]
    public void Grids_are_checked_against_the_device()
    {
        var device = DeviceInfo.Typical("sm_90a");
        new GridSize(int.MaxValue, 65535, 65535).Check(device);
        Assert.Throws<ArgumentOutOfRangeException>(() => new GridSize(0).Check(device));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GridSize(1, 65536).Check(device));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GridSize(1, 1, 65536).Check(device));
        Assert.Equal([0, 1, 1, 2], new[] { 0L, 1, 128, 129 }.Select(n => GridSize.Blocks(n, 128)));
        Assert.Throws<ArgumentOutOfRangeException>(() => GridSize.Blocks(long.MaxValue, 128));
    }
}
