using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>Norms of rows in double precision: the first launch of choices by cosines.</summary>
internal static class RowNorms
{
    /// <summary>Enqueues the norms; the caller has checked the arguments.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns], at least one row.</param>
    /// <param name="norms">[rows].</param>
    /// <param name="damaged">[1], which becomes 1 where a norm is not finite.</param>
    /// <param name="stream">A stream of the same context.</param>
    public static void Launch(KernelContext kernels, in DeviceMatrix x, DeviceArray<double> norms, DeviceArray<int> damaged, CudaStream stream)
    {
        var args = new RowNormsArgs { X = x.Pointer, Norms = norms.Pointer, Damaged = damaged.Pointer, XStride = x.RowStride, Rows = x.Rows, Columns = x.Columns };
        kernels.Load(new RowNormsVariant(x.Type, RowTile.VectorOf(x))).Launch(args, RowWarps.Grid(x.Rows), RowWarps.Threads, stream);
    }

    public static IEnumerable<RowNormsVariant> Variants => RowWarps.Forms.Select(form => new RowNormsVariant(form.Elem, form.Vector));
}

/// <summary>Kernels in which a warp owns a row and reads it in accesses of 16 bytes where it can (kernels/fc/row_product.cuh).</summary>
internal static class RowWarps
{
    public const int Threads = 128;

    /// <summary>Of what a block's warps offer (kernels/fc/pick.cuh).</summary>
    public const int SharedBytes = Threads / 32 * sizeof(long);

    public static GridSize Grid(int rows) => new(GridSize.Blocks(rows, Threads / 32));

    /// <summary>For reports and compile tests: every type, and single elements.</summary>
    public static IEnumerable<(ElementType Elem, int Vector)> Forms =>
    [
        .. from type in Enum.GetValues<ElementType>() select (type, 16 / type.Bytes()),
        (ElementType.Float32, 1), (ElementType.Float16, 1),
    ];

    public static ConfigWriter WriteConfig(ConfigWriter config, ElementType elem, int vector) => config.Type("Elem", elem).Constant("kVector", vector).Constant("kThreads", Threads);
}

internal readonly record struct RowNormsVariant(ElementType Elem, int Vector) : IKernelVariant<RowNormsVariant>
{
    public string Source => "pruning/row_norms.cu";

    public string Entry => "fc_row_norms";

    public string ConfigName => "config/row_norms.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config) => RowWarps.WriteConfig(config, Elem, Vector);
}

[StructLayout(LayoutKind.Sequential)]
internal struct RowNormsArgs
{
    public nint X;
    public nint Norms;
    public nint Damaged;
    public long XStride;
    public int Rows;
    public int Columns;
}
