using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

internal sealed record EmbedCase(int Rows, int Columns, ElementType Token, ElementType Y, bool Visual, Layout Layout = default) : KernelCase
{
    private const int Vocabulary = 37, VisualRows = 11;

    public override Prepared Prepare(Workbench bench)
    {
        float[] tokens = Numbers.Stored(Numbers.Normal(1, Vocabulary * Columns), Token), visual = Numbers.Stored(Numbers.Normal(2, VisualRows * Columns), Token);
        var random = new Random(3);
        var ids = Enumerable.Range(0, Rows).Select(_ => Visual && random.Next(2) == 0 ? ~random.Next(VisualRows) : random.Next(Vocabulary)).ToArray();
        var t = bench.Matrix(tokens, Vocabulary, Columns, Token, Layout);
        DeviceMatrix? v = Visual ? bench.Matrix(visual, VisualRows, Columns, Token, Layout) : null;
        var i = bench.Array(ids);
        var y = bench.Matrix(null, Rows, Columns, Y, Layout);
        return new Prepared(
            () => Embed.Launch(bench.Kernels, t, v, i, y, bench.Stream),
            what => Tolerance.Exact.Check([.. ids.SelectMany(id => (id >= 0 ? tokens : visual).Skip((id >= 0 ? id : -1 - id) * Columns).Take(Columns)).Select(x => (double)x)], bench.Read(y), Y, what),
            2 * y.Bytes);
    }
}

/// <summary>The patches of one picture by their definition.</summary>
internal static class ImageToPatchesOracle
{
    public static double[] Patches(float[] pixels, int channels, int height, int width, int size, int columns)
    {
        var patches = new List<double>();
        for (var py = 0; py < height / size; py++)
        {
            for (var px = 0; px < width / size; px++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var (channel, y, x) = (column / (size * size), column / size % size, column % size);
                    patches.Add(channel < channels ? pixels[(channel * height + py * size + y) * width + px * size + x] : 0);
                }
            }
        }

        return [.. patches];
    }
}

internal sealed record ImageToPatchesCase(int Pictures, int Height, int Width, int Size, ElementType Y, int Padding = 0, Layout Layout = default) : KernelCase
{
    private const int Channels = 3;

    public override Prepared Prepare(Workbench bench)
    {
        int values = Channels * Height * Width, columns = Channels * Size * Size + Padding, rows = Pictures * (Height / Size) * (Width / Size);
        var pixels = Numbers.Normal(1, Pictures * values);
        var x = bench.Matrix(pixels, Pictures, values, ElementType.Float32, Layout);
        var y = bench.Matrix(null, rows, columns, Y, Layout);
        return new Prepared(
            () => ImageToPatches.Launch(bench.Kernels, x, y, Channels, Height, Width, Size, bench.Stream),
            what => Tolerance.Exact.Check(
                [.. pixels.Chunk(values).SelectMany(picture => ImageToPatchesOracle.Patches(picture, Channels, Height, Width, Size, columns)).Select(v => (double)Numbers.Stored((float)v, Y))], bench.Read(y), ElementType.Float32, what),
            x.Bytes + y.Bytes);
    }
}

/// <summary>Embeddings and patches.</summary>
internal static class RowMovingTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    public static IEnumerable<KernelCase> Cases =>
    [
        .. from rows in new[] { 0, 1, 15, 16, 17, 63, 64, 65, 577, 2881 } select new EmbedCase(rows, 24, Half, Half, true),
        .. from type in new[] { Single, Half, BFloat } from layout in new[] { Layout.Strided, Layout.Misaligned } select new EmbedCase(9, 1048, type, Single, true, layout),
        new EmbedCase(5, 1, BFloat, Single, false),
        .. from type in new[] { Single, Half, BFloat } select new ImageToPatchesCase(2, 28, 42, 14, type, Padding: 4),
        new ImageToPatchesCase(1, 16, 48, 16, Half, Layout: Layout.Misaligned),
        // 384 pixels of SigLIP are 27 patches and a rest of 6
        new ImageToPatchesCase(2, 34, 48, 14, Single, Padding: 4),
        new ImageToPatchesCase(0, 14, 14, 14, Half),
    ];
}
