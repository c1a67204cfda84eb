using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>How near the nearest other row is, by cosine, without a matrix of all pairs: what <see cref="FarthestPoints"/> begins with.</summary>
internal static class NearestRows
{
    /// <summary>Enqueues the search; the caller has checked the arguments.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns], at least one row.</param>
    /// <param name="norms">[rows], finite.</param>
    /// <param name="nearest">[rows], zeros: becomes keys that order as the largest cosines do.</param>
    /// <param name="stream">A stream of the same context.</param>
    public static void Launch(KernelContext kernels, in DeviceMatrix x, DeviceArray<double> norms, DeviceArray<uint> nearest, CudaStream stream)
    {
        var variant = new NearestRowsVariant(x.Type, PairTile.Of(PairTile.Large, RowTile.VectorOf(x)));
        var args = new NearestRowsArgs { X = x.Pointer, Norms = norms.Pointer, Nearest = nearest.Pointer, XStride = x.RowStride, Rows = x.Rows, Columns = x.Columns };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(x.Rows, x.Rows), PairTile.Threads, stream);
    }

    public static IEnumerable<NearestRowsVariant> Variants => RowWarps.Forms.Select(form => new NearestRowsVariant(form.Elem, PairTile.Of(PairTile.Large, form.Vector)));
}

internal readonly record struct NearestRowsVariant(ElementType Elem, PairTile Tile) : IKernelVariant<NearestRowsVariant>
{
    public string Source => "pruning/nearest_rows.cu";

    public string Entry => "fc_nearest_rows";

    public string ConfigName => "config/nearest_rows.cuh";

    public int SharedBytes => Tile.SharedBytes;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("Elem", Elem);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct NearestRowsArgs
{
    public nint X;
    public nint Norms;
    public nint Nearest;
    public long XStride;
    public int Rows;
    public int Columns;
}
