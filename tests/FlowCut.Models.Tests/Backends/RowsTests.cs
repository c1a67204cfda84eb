using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends;

public class RowsTests
{
    [Theory]
    [InlineData(Layout.Dense)]
    [InlineData(Layout.Strided)]
    public void Upload_copy_and_download_keep_every_value(Layout layout)
    {
        var values = TestData.Normal(1, 5 * 7);
        using var w = new Workspace(1);
        var (x, y) = (w.Input(values, 5, 7, layout), w.Output(5, 7, layout));
        w.Backend.Copy(x, y);
        Assert.Equal(values, w.Read(y));
        Assert.Equal(values[7..14], w.Read(y.SliceRows(1, 1)));
        Assert.Throws<ArgumentException>(() => w.Backend.Upload(values.AsSpan(1), y));
        Assert.Throws<ArgumentException>(() => w.Backend.Download(y, values.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => w.Backend.Copy(x, y.SliceRows(0, 4)));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(14, 0)]
    [InlineData(14, 6)]
    public void ImageToPatches_follows_the_weight_of_a_convolution(int patchSize, int rest)
    {
        // The value of a pixel says where it is: channel, row, column.
        const int Down = 3, Across = 2;
        var (height, width) = (Down * patchSize + rest, Across * patchSize + rest);
        var pixels = new float[3 * height * width];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = i;
        using var w = new Workspace(2);
        var patches = w.Output(Down * Across, 3 * patchSize * patchSize, Layout.Strided);
        w.Backend.ImageToPatches(w.Input(pixels, 3 * height, width, Layout.Strided), patchSize, patches);
        var result = w.Read(patches);
        for (var i = 0; i < result.Length; i++)
        {
            var (patch, entry) = Math.DivRem(i, 3 * patchSize * patchSize);
            var (channel, inPatch) = Math.DivRem(entry, patchSize * patchSize);
            var row = patch / Across * patchSize + inPatch / patchSize;
            var column = patch % Across * patchSize + inPatch % patchSize;
            Assert.Equal((channel * height + row) * width + column, result[i]);
        }

        Assert.Throws<ArgumentException>(() => w.Backend.ImageToPatches(w.Input(pixels, 3 * height, width), patchSize, patches.SliceRows(0, 5)));
        Assert.Throws<ArgumentException>(() => w.Backend.ImageToPatches(w.Output(3 * height + 1, width), patchSize, patches));
    }

    [Fact]
    public void GatherRows_takes_rows_in_the_order_given()
    {
        var values = TestData.Normal(1, 6 * 5);
        using var w = new Workspace(2);
        using var rows = w.Backend.AllocateIndices(4);
        w.Backend.Upload([5, 0, 5, 2], rows);
        var (x, y) = (w.Input(values, 6, 5, Layout.Strided), w.Output(3, 5, Layout.Strided));
        w.Backend.GatherRows(x, new IndexView(rows, 0, 3), y);
        Assert.Equal([.. values[25..30], .. values[0..5], .. values[25..30]], w.Read(y));
        // a view into the buffer
        w.Backend.GatherRows(x, new IndexView(rows, 1, 3), y);
        Assert.Equal([.. values[0..5], .. values[25..30], .. values[10..15]], w.Read(y));
        var all = new IndexView(rows, 0, 4);
        w.Backend.Upload([0, 6], rows);
        Assert.Throws<ArgumentException>(() => w.Backend.GatherRows(x, all, y));
        w.Backend.Upload([-1], rows);
        Assert.Throws<ArgumentException>(() => w.Backend.GatherRows(x, all, y));
        Assert.Throws<ArgumentException>(() => w.Backend.GatherRows(x, all, w.Output(5, 5)));
    }

    [Fact]
    public void Indices_come_back()
    {
        using var w = new Workspace(1);
        using var rows = w.Backend.AllocateIndices(4);
        w.Backend.Upload([4, 3], rows);
        var back = new int[2];
        w.Backend.Download(rows, back);
        Assert.Equal([4, 3], back);
        Assert.Throws<ArgumentException>(() => w.Backend.Upload(new int[5], rows));
        Assert.Throws<ArgumentException>(() => w.Backend.Download(rows, new int[5]));
    }

    [Theory]
    [InlineData(StoredType.Float32)]
    [InlineData(StoredType.Float16)]
    [InlineData(StoredType.BFloat16)]
    public void Embed_widens_every_stored_type_exactly(StoredType type)
    {
        // Multiples of 1/8 up to 15: exact in all three types. Two parts, and an odd address.
        const int Rows = 7, Columns = 37;
        var values = new float[Rows * Columns];
        for (var i = 0; i < values.Length; i++) values[i] = i % 241 / 8f - 15;
        using var stored = new Stored(type, values);
        using var w = new Workspace(2);
        var matrix = w.Backend.LoadMatrix(stored.Tensor("top", 0, 4, Columns), stored.Tensor("bottom", 4 * Columns, 3, Columns));
        Assert.Equal((Rows, Columns), (matrix.Rows, matrix.Columns));
        var y = w.Output(4, Columns, Layout.Strided);
        w.Backend.Embed(matrix, [6, 0, 3, 4], y);
        Assert.Equal([.. new[] { 6, 0, 3, 4 }.SelectMany(r => values[(r * Columns)..((r + 1) * Columns)])], w.Read(y));
        Assert.Throws<ArgumentException>(() => w.Backend.Embed(matrix, [7, 0, 0, 0], y));
        Assert.Throws<ArgumentException>(() => w.Backend.Embed(matrix, [-1, 0, 0, 0], y));
        Assert.Throws<ArgumentException>(() => w.Backend.Embed(matrix, [0], y));
        Assert.Equal([.. values[..3], .. values[5..7]], w.Read(w.Backend.LoadVector(stored.Tensor("a", 0, 3), stored.Tensor("b", 5, 2))));
        Assert.Throws<ArgumentException>(() => w.Backend.LoadMatrix());
        Assert.Throws<ModelFormatException>(() => w.Backend.LoadMatrix(stored.Tensor("v", 0, 3)));
    }

    /// <summary>Numbers in native memory at an odd address, as a mapped file may have them.</summary>
    private sealed unsafe class Stored : IDisposable
    {
        private readonly StoredType _type;
        private readonly byte* _memory;

        public Stored(StoredType type, float[] values)
        {
            _type = type;
            _memory = (byte*)NativeMemory.Alloc((nuint)(values.Length * 4 + 1));
            for (var i = 0; i < values.Length; i++)
            {
                var bits = BitConverter.SingleToUInt32Bits(values[i]);
                ReadOnlySpan<byte> bytes = type switch
                {
                    StoredType.Float32 => BitConverter.GetBytes(bits),
                    StoredType.Float16 => BitConverter.GetBytes((Half)values[i]),
                    _ => BitConverter.GetBytes((ushort)(bits >> 16)),
                };
                bytes.CopyTo(new Span<byte>(Address(i), bytes.Length));
            }
        }

        public StoredTensor Tensor(string name, int start, params long[] shape) =>
            new(name, "test", _type, shape, Address(start), shape.Aggregate(1L, (a, b) => a * b) * Size);

        public void Dispose() => NativeMemory.Free(_memory);

        private int Size => _type == StoredType.Float32 ? 4 : 2;

        private byte* Address(int index) => _memory + 1 + (long)index * Size;
    }
}
