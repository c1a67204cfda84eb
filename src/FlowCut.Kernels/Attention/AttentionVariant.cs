using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>One form of attention: on tensor cores for 16-bit elements, on CUDA cores for fp32.</summary>
/// <param name="Type">Of query, key, value and output.</param>
/// <param name="HeadSize">Columns of a head.</param>
/// <param name="Vector">Rows are read in pieces of 16 bytes; false where a view is not aligned for that.</param>
/// <param name="Tile">How the work is divided; the default for fp32.</param>
internal readonly record struct AttentionVariant(ElementType Type, int HeadSize, bool Vector, AttentionTile Tile) : IKernelVariant<AttentionVariant>
{
    private const int SingleRows = 32;
    private const int SingleKeys = 32;
    private const int SingleThreads = 128;

    /// <summary>Head sizes of the models this library knows.</summary>
    public static readonly int[] HeadSizes = [64, 72, 80, 96, 128];

    public static readonly bool[] Either = [true, false];

    private static readonly ElementType[] s_short = [ElementType.Float16, ElementType.BFloat16];

    private bool IsSingle => Type == ElementType.Float32;

    private string Stem => IsSingle ? "attention_single" : "attention";

    public string Source => $"attention/{Stem}.cu";

    public string Entry => $"fc_{Stem}";

    public string ConfigName => $"config/{Stem}.cuh";

    public int Rows => IsSingle ? SingleRows : Tile.Rows;

    public int Threads => IsSingle ? SingleThreads : Tile.Threads;

    public int SharedBytes => IsSingle
        ? (((SingleRows + SingleKeys) * (HeadSize | 1) + SingleRows * (SingleKeys + 1) + SingleRows) * sizeof(float) + 15) / 16 * 16
        : Tile.SharedBytes(PaddedSize(HeadSize));

    /// <summary>Large blocks once there are two for each multiprocessor; else small ones, so that fewer stand idle.</summary>
    public static AttentionVariant Plan(ElementType type, int headSize, bool vector, int maxRows, int heads, int sequences, DeviceInfo device)
    {
        if (type == ElementType.Float32) return new AttentionVariant(type, headSize, false, default);
        var roomy = vector && IsRoomy(device);
        var large = AttentionTile.Large(PaddedSize(headSize), roomy);
        var blocks = (long)GridSize.Blocks(maxRows, large.Rows) * heads * sequences;
        var tile = vector && blocks >= 2L * device.Multiprocessors ? large : AttentionTile.Small(PaddedSize(headSize), roomy);
        return new AttentionVariant(type, headSize, vector, tile);
    }

    /// <summary>What <see cref="Plan"/> may choose for the head sizes of known models.</summary>
    public static IEnumerable<AttentionVariant> All() => HeadSizes.SelectMany(OfSize).Distinct();

    private static IEnumerable<AttentionVariant> OfSize(int size)
    {
        yield return new AttentionVariant(ElementType.Float32, size, false, default);
        foreach (var type in s_short)
        {
            yield return new AttentionVariant(type, size, false, AttentionTile.Small(PaddedSize(size), false));
            foreach (var roomy in Either)
            {
                yield return new AttentionVariant(type, size, true, AttentionTile.Small(PaddedSize(size), roomy));
                yield return new AttentionVariant(type, size, true, AttentionTile.Large(PaddedSize(size), roomy));
            }
        }
    }

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("Elem", Type).Constant("kHeadSize", HeadSize).Constant("kSharedBytes", SharedBytes);
        if (IsSingle) return;
        config.Constant("kVector", Vector);
        Tile.WriteConfig(config);
    }

    private static int PaddedSize(int headSize) => (headSize + 15) / 16 * 16;

    private static bool IsRoomy(DeviceInfo device) => device.SharedMemoryPerMultiprocessor >= 160 << 10;
}
