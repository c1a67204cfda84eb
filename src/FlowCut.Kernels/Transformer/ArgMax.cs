using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>The column of the largest entry of every row, the lowest on ties: greedy decoding.</summary>
public static class ArgMax
{
    /// <summary>Enqueues the search. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="index">[rows]: columns; −1 where a row holds a NaN, or has no columns.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<int> index, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Length(index, x.Rows);
        if (x.Rows == 0) return;

        var args = new ArgMaxArgs { X = x.Pointer, Index = index.Pointer, XStride = x.RowStride, Rows = x.Rows, Columns = x.Columns };
        kernels.Load(Plan(x)).Launch(args, new GridSize(x.Rows), ArgMaxVariant.Threads, stream);
    }

    internal static ArgMaxVariant Plan(in DeviceMatrix x) => new(x.Type);

    internal static IEnumerable<ArgMaxVariant> Variants => from type in Enum.GetValues<ElementType>() select new ArgMaxVariant(type);
}

internal readonly record struct ArgMaxVariant(ElementType X) : IKernelVariant<ArgMaxVariant>
{
    /// <summary>One row has the device to itself while decoding, so its block is as large as blocks are.</summary>
    public const int Threads = 1024;

    public string Source => "transformer/arg_max.cu";

    public string Entry => "fc_arg_max";

    public string ConfigName => "config/arg_max.cuh";

    public int SharedBytes => Threads / 32 * 8;

    public void WriteConfig(ConfigWriter config) => config.Type("X", X).Constant("kThreads", Threads).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct ArgMaxArgs
{
    public nint X;
    public nint Index;
    public long XStride;
    public int Rows;
    public int Columns;
}
