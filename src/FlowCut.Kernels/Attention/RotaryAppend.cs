using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// Rotary position embedding (Su et al., RoFormer, arXiv 2104.09864) of query and key, and the append of key and value to a
/// cache. The angle is a product in fp32, as the models were trained with; sine and cosine are accurate to 2 ulp.
/// </summary>
public static class RotaryAppend
{
    /// <summary>Enqueues it. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="query">[rows, heads·head size]; turned in place.</param>
    /// <param name="append">Key and value of the same rows, and their caches.</param>
    /// <param name="positions">Positions of the rows; twice as many columns as it has frequencies make a head.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix query, in CacheAppend append, RotaryPositions positions, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        var headSize = Check(query, append, positions);
        if (query.IsEmpty) return;

        var variant = Plan(query, append, headSize);
        var args = new RotaryAppendArgs
        {
            Query = query.Pointer,
            Key = append.Key.Pointer,
            Value = append.Value.Pointer,
            KeyCache = append.KeyCache.Pointer,
            ValueCache = append.ValueCache.Pointer,
            Positions = positions.Positions.Pointer,
            CacheRows = append.CacheRows.Length == 0 ? 0 : append.CacheRows.Pointer,
            InverseFrequencies = positions.InverseFrequencies.Pointer,
            QueryStride = query.RowStride,
            KeyStride = append.Key.RowStride,
            ValueStride = append.Value.RowStride,
            KeyCacheStride = append.KeyCache.RowStride,
            ValueCacheStride = append.ValueCache.RowStride,
            PositionStride = AxisStride(positions, query.Rows),
            Heads = query.Columns / headSize,
            KeyValueHeads = append.Key.Columns / headSize,
            FirstAxisEnd = positions.FirstEnd,
            SecondAxisEnd = positions.SecondEnd,
        };
        var items = (query.Columns + 2 * append.Key.Columns) / 2 / variant.Width;
        kernels.Load(variant).Launch(args, new GridSize(query.Rows, BlocksOfRow(query.Rows, items, kernels.Device)), RotaryAppendVariant.Threads, stream);
    }

    /// <summary>What a launch compiles.</summary>
    internal static RotaryAppendVariant Plan(in DeviceMatrix query, in CacheAppend append, int headSize)
    {
        var aligned = query.IsAligned(16) && append.Key.IsAligned(16) && append.Value.IsAligned(16) && append.KeyCache.IsAligned(16) && append.ValueCache.IsAligned(16);
        return new RotaryAppendVariant(query.Type, headSize, aligned && headSize / 2 * query.Type.Bytes() % 16 == 0);
    }

    internal static IEnumerable<RotaryAppendVariant> Variants =>
        from type in Enum.GetValues<ElementType>()
        from size in AttentionVariant.HeadSizes
        from vector in AttentionVariant.Either
        where !vector || size / 2 * type.Bytes() % 16 == 0
        select new RotaryAppendVariant(type, size, vector);

    /// <summary>A row has a block to itself, and more where there are few rows (decoding): angles are cheap, an idle device is not.</summary>
    internal static int BlocksOfRow(int rows, int items, DeviceInfo device) =>
        Math.Clamp(device.Multiprocessors / rows, 1, GridSize.Blocks(Math.Max(items, 1), RotaryAppendVariant.Threads));

    private static int AxisStride(RotaryPositions positions, int rows) => positions.AxisStride == 0 ? rows : positions.AxisStride;

    private static int Check(in DeviceMatrix query, in CacheAppend append, RotaryPositions positions)
    {
        Require.Valid(positions.InverseFrequencies, nameof(positions));
        var headSize = Require.Product(2, positions.InverseFrequencies.Length, nameof(positions));
        if (headSize is < 2 or > AttentionShape.MaxHeadSize)
            throw new ArgumentException($"{positions.InverseFrequencies.Length} frequencies make heads of {headSize} columns; 2 to {AttentionShape.MaxHeadSize} are possible.", nameof(positions));
        if (query.Columns % headSize != 0 || append.Key.Columns % headSize != 0)
            throw new ArgumentException($"{query.Columns} and {append.Key.Columns} columns are no whole heads of {headSize}.", nameof(positions));
        if (positions.SecondEnd > headSize / 2)
            throw new ArgumentException($"The first two sections have {positions.SecondEnd} pairs, a head {headSize / 2}.", nameof(positions));
        ArgumentOutOfRangeException.ThrowIfNegative(positions.AxisStride, nameof(positions));
        var needed = (positions.Axes - 1) * (long)AxisStride(positions, query.Rows) + query.Rows;
        if (positions.AxisStride == 0 ? positions.Positions.Length != needed : positions.Positions.Length < needed)
            throw new ArgumentException($"There are {positions.Positions.Length} positions; {positions.Axes} for each of {query.Rows} rows are needed.", nameof(positions));
        Require.Valid(positions.Positions, nameof(positions));

        var (rows, columns) = (query.Rows, append.Key.Columns);
        Require.Valid(query);
        Require.Shape(append.Key, rows, columns);
        Require.Shape(append.Value, rows, columns);
        Require.Shape(append.KeyCache, append.KeyCache.Rows, columns);
        Require.Shape(append.ValueCache, append.ValueCache.Rows, columns);
        foreach (var view in (ReadOnlySpan<DeviceMatrix>)[append.Key, append.Value, append.KeyCache, append.ValueCache]) Require.Type(view, query.Type, nameof(append));
        CheckCaches(query, append);
        return headSize;
    }

    private static void CheckCaches(in DeviceMatrix query, in CacheAppend append)
    {
        if (append.CacheRows.Length > 0)
        {
            Require.Length(append.CacheRows, query.Rows, "cache rows");
            Require.Disjoint(append.Key, append.KeyCache);
            Require.Disjoint(append.Value, append.ValueCache);
        }
        else
        {
            if (append.KeyCache.Rows < query.Rows || append.ValueCache.Rows < query.Rows)
                throw new ArgumentException($"The caches have {append.KeyCache.Rows} and {append.ValueCache.Rows} rows; {query.Rows} are appended.", nameof(append));
            if (append.Key.Pointer != append.KeyCache.Pointer) Require.Disjoint(append.Key, append.KeyCache);
            if (append.Value.Pointer != append.ValueCache.Pointer) Require.Disjoint(append.Value, append.ValueCache);
        }
    }
}

internal readonly record struct RotaryAppendVariant(ElementType Type, int HeadSize, bool Vector) : IKernelVariant<RotaryAppendVariant>
{
    public const int Threads = 128;

    public string Source => "attention/rotary_append.cu";

    public string Entry => "fc_rotary_append";

    public string ConfigName => "config/rotary_append.cuh";

    public int SharedBytes => (HeadSize * sizeof(float) + 15) / 16 * 16;

    /// <summary>Neighbouring pairs of one thread.</summary>
    public int Width => Vector ? 16 / Type.Bytes() : 1;

    public void WriteConfig(ConfigWriter config) =>
        config.Type("Elem", Type).Constant("kHeadSize", HeadSize).Constant("kVector", Vector).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct RotaryAppendArgs
{
    public nint Query;
    public nint Key;
    public nint Value;
    public nint KeyCache;
    public nint ValueCache;
    public nint Positions;
    public nint CacheRows;
    public nint InverseFrequencies;
    public long QueryStride;
    public long KeyStride;
    public long ValueStride;
    public long KeyCacheStride;
    public long ValueCacheStride;
    public long PositionStride;
    public int Heads;
    public int KeyValueHeads;
    public int FirstAxisEnd;
    public int SecondAxisEnd;
}
