using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>
/// Greedy choice of rows that lie far apart by 1 − cosine: first the row whose nearest neighbour is farthest, then again and again
/// the one whose nearest chosen row is farthest; ties to the lowest. The distance to a row of zeros is 1.
/// </summary>
public static class FarthestPoints
{
    /// <summary>
    /// Enqueues the choice: a fill, the norms, the nearest neighbours, and one launch for each point and one more, each of which reads
    /// from device memory what the one before it picked. Allocates nothing once the kernels are loaded, waits for nothing.
    /// </summary>
    /// <param name="kernels">Where the kernels are loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="points">As many as are chosen, the rows at most: row numbers in the order of choice; all −1 where the norm of a row is not finite.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> words, which nothing else uses meanwhile.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides, alignments or numbers do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<int> points, DeviceArray<long> scratch, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Valid(points);
        var count = points.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, x.Rows, nameof(points));
        Require.Length(scratch, ScratchLength(x.Rows, count));
        if (count == 0) return;

        // what has to be zero comes first: the picks, the mark of damage, the nearest neighbours
        var damaged = scratch.Pointer + (nint)count * sizeof(long);
        var nearest = damaged + sizeof(long);
        var norms = nearest + (nint)Words(x.Rows) * sizeof(long);
        var distances = norms + (nint)x.Rows * sizeof(double);
        stream.EnqueueFill(scratch.Pointer, 0, norms - scratch.Pointer);
        RowNorms.Launch(kernels, x, new DeviceArray<double>(norms, x.Rows), new DeviceArray<int>(damaged, 1), stream);
        NearestRows.Launch(kernels, x, new DeviceArray<double>(norms, x.Rows), new DeviceArray<uint>(nearest, x.Rows), stream);
        var args = new FarthestPointsArgs
        {
            X = x.Pointer,
            Norms = norms,
            Nearest = nearest,
            Damaged = damaged,
            Distances = distances,
            Picks = scratch.Pointer,
            Points = points.Pointer,
            XStride = x.RowStride,
            Rows = x.Rows,
            Columns = x.Columns,
            Count = count,
        };
        var kernel = kernels.Load(Plan(x));
        for (; args.Step <= count; args.Step++) kernel.Launch(args, args.Step < count ? RowWarps.Grid(x.Rows) : new GridSize(1), RowWarps.Threads, stream);
    }

    /// <summary>Words of 8 bytes that a launch needs as working memory: two for a row, and one for a point.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or there are too many.</exception>
    public static int ScratchLength(int rows, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var words = count + 1L + rows + 2L * Words(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(words, int.MaxValue, nameof(rows));
        return (int)words;
    }

    internal static FarthestPointsVariant Plan(in DeviceMatrix x) => new(x.Type, RowTile.VectorOf(x));

    internal static IEnumerable<FarthestPointsVariant> Variants => RowWarps.Forms.Select(form => new FarthestPointsVariant(form.Elem, form.Vector));

    /// <summary>Words that hold so many values of 4 bytes.</summary>
    private static int Words(int values) => (int)((values + 1L) / 2);
}

internal readonly record struct FarthestPointsVariant(ElementType Elem, int Vector) : IKernelVariant<FarthestPointsVariant>
{
    public string Source => "pruning/farthest_points.cu";

    public string Entry => "fc_farthest_points";

    public string ConfigName => "config/farthest_points.cuh";

    public int SharedBytes => RowWarps.SharedBytes;

    public void WriteConfig(ConfigWriter config) => RowWarps.WriteConfig(config, Elem, Vector).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct FarthestPointsArgs
{
    public nint X;
    public nint Norms;
    public nint Nearest;
    public nint Damaged;
    public nint Distances;
    public nint Picks;
    public nint Points;
    public long XStride;
    public int Rows;
    public int Columns;
    public int Step;
    public int Count;
}
