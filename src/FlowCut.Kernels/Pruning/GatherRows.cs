using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>y[i] = x[rows[i]]: hidden states, scores, positions of the tokens that were kept. Bytes are moved, whatever they mean.</summary>
public static class GatherRows
{
    private const int RowsOfThread = 2;
    private static readonly int[] s_units = [16, 8, 4, 2, 1];

    /// <summary>Enqueues the gathering of rows. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[source rows, columns].</param>
    /// <param name="rows">[y's rows]: device values, so they are not checked: each has to name a row of <paramref name="x"/>.</param>
    /// <param name="rowCount">[1], on the device: how many rows are gathered, at most y's; empty: all of y's.</param>
    /// <param name="y">[rows, columns] of the type of <paramref name="x"/>, apart from it; rows beyond the count are left alone.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<int> rows, DeviceArray<int> rowCount, DeviceMatrix y, CudaStream stream)
    {
        Require.Valid(x);
        Require.Shape(y, y.Rows, x.Columns);
        Require.Type(y, x.Type);
        Require.Disjoint(x, y);
        var size = x.Type.Bytes();
        Run(kernels, new ByteRows(x.Pointer, x.RowStride * size), rows, rowCount, new ByteRows(y.Pointer, y.RowStride * size), y.Rows, (long)y.Columns * size, stream);
    }

    /// <summary>Enqueues the gathering of single values, such as positions. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[source values].</param>
    /// <param name="rows">[y's values]: device values, so they are not checked: each has to name a value of <paramref name="x"/>.</param>
    /// <param name="rowCount">[1], on the device: how many values are gathered, at most y's; empty: all of y's.</param>
    /// <param name="y">Apart from <paramref name="x"/>; values beyond the count are left alone.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Lengths or alignments do not fit, arrays overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch<T>(KernelContext kernels, DeviceArray<T> x, DeviceArray<int> rows, DeviceArray<int> rowCount, DeviceArray<T> y, CudaStream stream)
        where T : unmanaged
    {
        Require.Valid(x);
        Require.Valid(y);
        if (Require.Overlaps(x.Pointer, x.Bytes, y.Pointer, y.Bytes)) throw new ArgumentException("Source and destination overlap.", nameof(y));
        Run(kernels, new ByteRows(x.Pointer, Unsafe.SizeOf<T>()), rows, rowCount, new ByteRows(y.Pointer, Unsafe.SizeOf<T>()), y.Length, Unsafe.SizeOf<T>(), stream);
    }

    /// <summary>The widest unit of which both addresses, both strides and the row are multiples.</summary>
    internal static GatherRowsVariant Plan(ByteRows x, ByteRows y, long rowBytes)
    {
        var all = (ulong)x.Pointer | (ulong)x.Stride | (ulong)y.Pointer | (ulong)y.Stride | (ulong)rowBytes;
        // the lowest bit that is set in any of them
        var unit = (int)Math.Min(all & (~all + 1), 16);
        var units = rowBytes / unit;
        return new GatherRowsVariant(unit, new RowTile(1, units <= 1 ? 1 : units <= 32 ? 32 : RowTile.Threads, RowsOfThread));
    }
    /// <summary>For reports and compile tests: long rows of every unit, and single values.</summary>
    internal static IEnumerable<GatherRowsVariant> Variants =>
    [
        .. from unit in s_units select new GatherRowsVariant(unit, RowTile.Long(RowsOfThread, null)),
        new GatherRowsVariant(4, new RowTile(1, 1, RowsOfThread)),
    ];

    private static void Run(KernelContext kernels, ByteRows x, in DeviceArray<int> rows, in DeviceArray<int> rowCount, ByteRows y, int count, long rowBytes, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Length(rows, count);
        if (rowCount.Length > 0) Require.Valid(rowCount);
        if (count == 0 || rowBytes == 0) return;

        var variant = Plan(x, y, rowBytes);
        var args = new GatherRowsArgs
        {
            X = x.Pointer,
            Rows = rows.Pointer,
            RowCount = rowCount.Length == 0 ? 0 : rowCount.Pointer,
            Y = y.Pointer,
            XStride = x.Stride / variant.Unit,
            YStride = y.Stride / variant.Unit,
            Count = count,
            Units = checked((int)(rowBytes / variant.Unit)),
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(count, args.Units), RowTile.Threads, stream);
    }
}

/// <summary>Rows of bytes: where they begin and how many bytes apart they are.</summary>
internal readonly record struct ByteRows(nint Pointer, long Stride);

internal readonly record struct GatherRowsVariant(int Unit, RowTile Tile) : IKernelVariant<GatherRowsVariant>
{
    public string Source => "pruning/gather_rows.cu";

    public string Entry => "fc_gather_rows";

    public string ConfigName => "config/gather_rows.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Constant("kUnitBytes", Unit);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct GatherRowsArgs
{
    public nint X;
    public nint Rows;
    public nint RowCount;
    public nint Y;
    public long XStride;
    public long YStride;
    public int Count;
    public int Units;
}
