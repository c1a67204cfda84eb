using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>What <see cref="Pairwise"/> says of two rows.</summary>
public enum PairMeasure
{
    /// <summary>Σ a·b.</summary>
    Product,
    /// <summary>Σ a·b/(‖a‖·‖b‖); 0 where a norm is 0.</summary>
    Cosine,
    /// <summary>Σ (a − b)².</summary>
    SquaredDistance,
}

/// <summary>A measure of every row of one matrix with every row of another.</summary>
public static class Pairwise
{
    private static readonly ElementType[] s_types = Enum.GetValues<ElementType>();
    private static readonly int[] s_tiles = [PairTile.Small, PairTile.Large];

    /// <summary>Enqueues the measures; sums are fp32 in a fixed order, NaN and infinity as the formula. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="measure">What is said of two rows.</param>
    /// <param name="x">[m, columns].</param>
    /// <param name="y">[k, columns]; may be <paramref name="x"/>, or overlap it.</param>
    /// <param name="result">[m, k], Float32, apart from both.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, the result overlaps an input, there is no such measure, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, PairMeasure measure, DeviceMatrix x, DeviceMatrix y, DeviceMatrix result, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        if (measure is < PairMeasure.Product or > PairMeasure.SquaredDistance)
            throw new ArgumentOutOfRangeException(nameof(measure), measure, "There is no such measure.");
        Require.Valid(x);
        Require.Shape(y, y.Rows, x.Columns);
        Require.Shape(result, x.Rows, y.Rows);
        Require.Type(result, ElementType.Float32);
        Require.Disjoint(x, result);
        Require.Disjoint(y, result);
        if (result.IsEmpty) return;

        var variant = Plan(kernels.Device, measure, x, y);
        var args = new PairwiseArgs
        {
            X = x.Pointer,
            Y = y.Pointer,
            Result = result.Pointer,
            XStride = x.RowStride,
            YStride = y.RowStride,
            ResultStride = result.RowStride,
            XRows = x.Rows,
            YRows = y.Rows,
            Columns = x.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(x.Rows, y.Rows), PairTile.Threads, stream);
    }

    internal static PairwiseVariant Plan(DeviceInfo device, PairMeasure measure, in DeviceMatrix x, in DeviceMatrix y) => new(x.Type, y.Type, measure, PairTile.Of(device, x, y));

    /// <summary>For reports and compile tests: every measure of two rows of one type in both tiles, cosines of mixed types, and single elements.</summary>
    internal static IEnumerable<PairwiseVariant> Variants =>
    [
        .. from type in s_types
           from measure in Enum.GetValues<PairMeasure>()
           from tile in s_tiles
           select new PairwiseVariant(type, type, measure, PairTile.Of(tile, 16 / type.Bytes())),
        new PairwiseVariant(ElementType.Float32, ElementType.Float16, PairMeasure.Cosine, PairTile.Of(PairTile.Large, 4)),
        new PairwiseVariant(ElementType.Float16, ElementType.Float32, PairMeasure.Cosine, PairTile.Of(PairTile.Large, 4)),
        new PairwiseVariant(ElementType.Float32, ElementType.Float32, PairMeasure.Cosine, PairTile.Of(PairTile.Large, 1)),
        new PairwiseVariant(ElementType.Float16, ElementType.Float16, PairMeasure.SquaredDistance, PairTile.Of(PairTile.Small, 1)),
    ];
}

internal readonly record struct PairwiseVariant(ElementType X, ElementType Y, PairMeasure Measure, PairTile Tile) : IKernelVariant<PairwiseVariant>
{
    public string Source => "pruning/pairwise.cu";

    public string Entry => "fc_pairwise";

    public string ConfigName => "config/pairwise.cuh";

    public int SharedBytes => Tile.SharedBytes;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Y", Y).Constant("kMeasure", (int)Measure);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct PairwiseArgs
{
    public nint X;
    public nint Y;
    public nint Result;
    public long XStride;
    public long YStride;
    public long ResultStride;
    public int XRows;
    public int YRows;
    public int Columns;
    public int Reserved;
}
