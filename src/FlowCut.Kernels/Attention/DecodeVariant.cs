using System.Numerics;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>One form of decoding attention.</summary>
/// <param name="Type">Of query, caches and output.</param>
/// <param name="HeadSize">Columns of a head.</param>
/// <param name="Group">Query heads of a block, all of one key/value head.</param>
/// <param name="Vector">Cache rows are read in pieces of 16 bytes.</param>
internal readonly record struct DecodeVariant(ElementType Type, int HeadSize, int Group, bool Vector) : IKernelVariant<DecodeVariant>
{
    public const int Threads = 128;
    public const int MaxSplits = 128;

    private const int MaxGroup = 8;
    private const int BlocksPerMultiprocessor = 3;

    private static readonly int[] s_headSizes = [64, 96, 128], s_groups = [1, 2, 4, 6, 7, 8];

    public string Source => "attention/decode_attention.cu";

    public string Entry => "fc_decode_attention";

    public string ConfigName => "config/decode_attention.cuh";

    /// <summary>Of each running softmax maxima, sums and outputs; weights of the merged parts; totals, maxima and a counter.</summary>
    public int SharedBytes => ((States * Group * (HeadSize + 2) + Group * (MaxSplits + 2) + 1) * sizeof(float) + 15) / 16 * 16;

    /// <summary>Keys that a block has under way at a time.</summary>
    public int Step => States * (Group > 4 ? 2 : 4);

    /// <summary>Groups of lanes in a block that hold a row each.</summary>
    private int States
    {
        get
        {
            var width = 16 / Type.Bytes();
            return Threads / (int)BitOperations.RoundUpToPowerOf2((uint)((HeadSize + width - 1) / width));
        }
    }

    /// <summary>All query heads of a key/value head in one block, or its largest divisor that fits the registers.</summary>
    public static int GroupOf(AttentionShape shape)
    {
        var shared = shape.Heads / shape.KeyValueHeads;
        for (var group = Math.Min(shared, MaxGroup); ; group--)
        {
            if (shared % group == 0) return group;
        }
    }

    /// <summary>As many parts as fill the device, but none of fewer keys than a block has under way.</summary>
    public int Splits(int heads, int sequences, int maxLength, DeviceInfo device)
    {
        var blocks = Math.Max(1L, (long)heads / Group * sequences);
        var wanted = ((long)BlocksPerMultiprocessor * device.Multiprocessors + blocks - 1) / blocks;
        var most = Math.Min(MaxSplits, GridSize.Blocks(maxLength, Step));
        return (int)Math.Clamp(wanted, 1, Math.Max(1, most));
    }

    /// <summary>What plans choose for known language models.</summary>
    public static IEnumerable<DecodeVariant> All()
    {
        foreach (var type in Enum.GetValues<ElementType>())
        {
            foreach (var size in s_headSizes)
            {
                foreach (var group in s_groups) yield return new DecodeVariant(type, size, group, true);
                yield return new DecodeVariant(type, size, 1, false);
            }
        }
    }

    public void WriteConfig(ConfigWriter config) => config
        .Type("Elem", Type).Constant("kHeadSize", HeadSize).Constant("kGroup", Group).Constant("kVector", Vector).Constant("kSharedBytes", SharedBytes);
}
