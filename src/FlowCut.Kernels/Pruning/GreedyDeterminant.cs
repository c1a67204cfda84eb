using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>
/// Greedy choice of rows by the determinant of L[i, j] = r_i · cosine(x_i, x_j) · r_j: again and again the row with the largest gain,
/// ties to the lowest (Chen, Zhang, Zhou 2018, "Fast Greedy MAP Inference for Determinantal Point Process", algorithm 1).
/// </summary>
public static class GreedyDeterminant
{
    /// <summary>
    /// Enqueues the choice: a fill, the norms, and one launch for each point and one more, each of which reads from device memory what
    /// the one before it picked; sums are fp32. Allocates nothing once the kernels are loaded, waits for nothing.
    /// </summary>
    /// <param name="kernels">Where the kernels are loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="relevance">[rows]: r.</param>
    /// <param name="points">
    /// As many as are chosen, the rows at most: row numbers in the order of choice; −1 from where no row has a gain that is positive and
    /// finite. A row that is not a number, or whose relevance is none, is no point and spoils no other.
    /// </param>
    /// <param name="scratch"><see cref="ScratchLength"/> words, which nothing else uses meanwhile.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides, alignments or numbers do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<float> relevance, DeviceArray<int> points, DeviceArray<long> scratch, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Length(relevance, x.Rows);
        Require.Valid(points);
        var count = points.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, x.Rows, nameof(points));
        Require.Length(scratch, ScratchLength(x.Rows, count));
        if (count == 0) return;

        // what has to be zero comes first: the picks, and a mark of damage that is of no use here
        var damaged = scratch.Pointer + (nint)count * sizeof(long);
        var norms = damaged + sizeof(long);
        var gains = norms + (nint)x.Rows * sizeof(double);
        stream.EnqueueFill(scratch.Pointer, 0, norms - scratch.Pointer);
        RowNorms.Launch(kernels, x, new DeviceArray<double>(norms, x.Rows), new DeviceArray<int>(damaged, 1), stream);
        var args = new GreedyDeterminantArgs
        {
            X = x.Pointer,
            Norms = norms,
            Relevance = relevance.Pointer,
            Gains = gains,
            Factor = gains + (nint)x.Rows * sizeof(float),
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

    /// <summary>Words of 8 bytes that a launch needs as working memory: half as many as rows times points, two for a row, and one for a point, about.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or there are too many.</exception>
    public static int ScratchLength(int rows, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var words = count + 1L + rows + ((long)rows * (count + 1L) + 1) / 2;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(words, int.MaxValue, nameof(rows));
        return (int)words;
    }

    internal static GreedyDeterminantVariant Plan(in DeviceMatrix x) => new(x.Type, RowTile.VectorOf(x));

    internal static IEnumerable<GreedyDeterminantVariant> Variants => RowWarps.Forms.Select(form => new GreedyDeterminantVariant(form.Elem, form.Vector));
}

internal readonly record struct GreedyDeterminantVariant(ElementType Elem, int Vector) : IKernelVariant<GreedyDeterminantVariant>
{
    public string Source => "pruning/greedy_determinant.cu";

    public string Entry => "fc_greedy_determinant";

    public string ConfigName => "config/greedy_determinant.cuh";

    public int SharedBytes => RowWarps.SharedBytes;

    public void WriteConfig(ConfigWriter config) => RowWarps.WriteConfig(config, Elem, Vector).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct GreedyDeterminantArgs
{
    public nint X;
    public nint Norms;
    public nint Relevance;
    public nint Gains;
    public nint Factor;
    public nint Picks;
    public nint Points;
    public long XStride;
    public int Rows;
    public int Columns;
    public int Step;
    public int Count;
}
