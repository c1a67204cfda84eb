using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>
/// The columns of the largest entries of every row, or of the groups of neighbouring columns with the largest sums; ties to the
/// lowest, NaN below every number, −0 equal to +0, in ascending order.
/// </summary>
public static class SelectTop
{
    /// <summary>Rows may have so many groups.</summary>
    public const int MaxGroups = SelectBlock.MaxScores;

    /// <summary>Enqueues the selection, one block per row. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns], Float32, at most 16384 groups of columns.</param>
    /// <param name="indices">[rows·count·group]: for each row the columns kept, ascending, <paramref name="add"/> added to each.</param>
    /// <param name="values">[rows·count]: the sums of the groups in the same order (−0 becomes +0); empty: not wanted.</param>
    /// <param name="group">Neighbouring columns that stand or fall together, 1 or more; the columns are whole groups.</param>
    /// <param name="count">Groups kept: 0 up to all.</param>
    /// <param name="add">What is added to every column.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides, alignments or numbers do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceArray<int> indices, DeviceArray<float> values, int group, int count, int add, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(x);
        Require.Type(x, ElementType.Float32);
        ArgumentOutOfRangeException.ThrowIfLessThan(group, 1);
        var (groups, rest) = Math.DivRem(x.Columns, group);
        if (rest != 0) throw new ArgumentException($"{x.Columns} columns are no whole groups of {group}.", nameof(group));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(groups, MaxGroups, nameof(x));
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, groups);
        var total = Require.Product(x.Rows, count, nameof(count));
        Require.Length(indices, Require.Product(total, group, nameof(count)));
        if (values.Length > 0) Require.Length(values, total);
        if (total == 0) return;

        var variant = Plan(groups);
        var args = new SelectTopArgs
        {
            X = x.Pointer,
            Indices = indices.Pointer,
            Values = values.Length == 0 ? 0 : values.Pointer,
            XStride = x.RowStride,
            IndexStride = (long)count * group,
            ValueStride = count,
            Rows = x.Rows,
            Groups = groups,
            Group = group,
            Count = count,
            Add = add,
        };
        kernels.Load(variant).Launch(args, new GridSize(x.Rows), variant.Block.Threads, stream);
    }

    internal static SelectTopVariant Plan(int groups) => new(SelectBlock.Of(groups));

    internal static IEnumerable<SelectTopVariant> Variants => SelectBlock.All.Select(block => new SelectTopVariant(block));
}

internal readonly record struct SelectTopVariant(SelectBlock Block) : IKernelVariant<SelectTopVariant>
{
    public string Source => "pruning/select_top.cu";

    public string Entry => "fc_select_top";

    public string ConfigName => "config/select_top.cuh";

    public int SharedBytes => Block.SharedBytes;

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Block.Threads).Constant("kItems", Block.Items).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct SelectTopArgs
{
    public nint X;
    public nint Indices;
    public nint Values;
    public long XStride;
    public long IndexStride;
    public long ValueStride;
    public int Rows;
    public int Groups;
    public int Group;
    public int Count;
    public int Add;
    public int Reserved;
}
