using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>The input rows of a decoder: rows of the token embedding, and visual tokens spliced in where the map says so.</summary>
public static class Embed
{
    private const int RowsOfThread = 2;

    /// <summary>Enqueues y[i] = tokens[ids[i]] where ids[i] ≥ 0, else visual[−1 − ids[i]]. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="tokens">[vocabulary, columns].</param>
    /// <param name="visual">[visual rows, columns]; null where no id is negative.</param>
    /// <param name="ids">[rows]: token numbers, or −1 − visual row. Device values, so they are not checked: each has to name an existing row.</param>
    /// <param name="y">[rows, columns], apart from the others.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix tokens, DeviceMatrix? visual, DeviceArray<int> ids, DeviceMatrix y, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        var v = visual ?? default;
        Require.Valid(y);
        Require.Shape(tokens, tokens.Rows, y.Columns);
        Require.Length(ids, y.Rows);
        Require.Disjoint(tokens, y);
        if (visual is not null) Require.Shape(v, v.Rows, y.Columns, nameof(visual));
        if (visual is not null) Require.Disjoint(v, y, nameof(visual));
        if (y.IsEmpty) return;

        var variant = Plan(tokens, v, y);
        var args = new EmbedArgs
        {
            Tokens = tokens.Pointer,
            Visual = v.Pointer,
            Ids = ids.Pointer,
            Y = y.Pointer,
            TokenStride = tokens.RowStride,
            VisualStride = v.RowStride,
            YStride = y.RowStride,
            Rows = y.Rows,
            Columns = y.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(y.Rows, y.Columns), RowTile.Threads, stream);
    }

    /// <summary>What a launch compiles. Visual rows that are left out are an empty view.</summary>
    internal static EmbedVariant Plan(in DeviceMatrix tokens, in DeviceMatrix visual, in DeviceMatrix y) =>
        new(tokens.Type, visual.IsEmpty ? tokens.Type : visual.Type, y.Type, RowTile.Of(y.Columns, RowsOfThread, tokens, visual, y));
    /// <summary>For reports and compile tests: every type, an fp32 residual stream, and single elements.</summary>
    internal static IEnumerable<EmbedVariant> Variants =>
    [
        .. from type in Enum.GetValues<ElementType>() select new EmbedVariant(type, type, type, RowTile.Long(RowsOfThread, type)),
        new EmbedVariant(ElementType.Float16, ElementType.Float16, ElementType.Float32, RowTile.Long(RowsOfThread, ElementType.Float32)),
        new EmbedVariant(ElementType.Float16, ElementType.Float16, ElementType.Float16, RowTile.Long(RowsOfThread, null)),
    ];
}

internal readonly record struct EmbedVariant(ElementType Token, ElementType Visual, ElementType Y, RowTile Tile) : IKernelVariant<EmbedVariant>
{
    public string Source => "transformer/embed.cu";

    public string Entry => "fc_embed";

    public string ConfigName => "config/embed.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("Token", Token).Type("Visual", Visual).Type("Y", Y);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct EmbedArgs
{
    public nint Tokens;
    public nint Visual;
    public nint Ids;
    public nint Y;
    public long TokenStride;
    public long VisualStride;
    public long YStride;
    public int Rows;
    public int Columns;
}
