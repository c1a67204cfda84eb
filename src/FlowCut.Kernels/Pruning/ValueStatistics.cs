using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>
/// What the pruning criteria need of a layer's values, in one reading of them (FlowCut, arXiv 2505.19536): products with the
/// value that stands for the whole picture, information density, squared norms. Columns of the results are key rows.
/// </summary>
public readonly struct ValueStatisticsArguments
{
    /// <summary>[key rows, heads·head size]: the key/value heads side by side.</summary>
    public required DeviceMatrix Values { get; init; }

    /// <summary>Key/value heads.</summary>
    public required int Heads { get; init; }

    /// <summary>[sequences + 1], on the device: sequence s is key rows offsets[s] … offsets[s + 1] − 1. Not checked: they rise and end within the key rows.</summary>
    public required DeviceArray<int> Offsets { get; init; }

    /// <summary>[sequences, heads·head size], Float32, without gaps: the global value of each sequence where there is no CLS token; null: the value of its first row.</summary>
    public DeviceMatrix? Means { get; init; }

    /// <summary>[heads, key rows], Float32: global value · value, per head, not scaled.</summary>
    public required DeviceMatrix Products { get; init; }

    /// <summary>[key rows]: Σ over the head size of |mean over heads of the value|.</summary>
    public required DeviceArray<float> Density { get; init; }

    /// <summary>[key rows]: squared norm of the value, all heads joined.</summary>
    public required DeviceArray<float> SquaredNorms { get; init; }

    /// <summary>[sequences]: squared norm of the global value; empty: not wanted.</summary>
    public DeviceArray<float> GlobalSquaredNorms { get; init; }
}

/// <summary>The operation of <see cref="ValueStatisticsArguments"/>.</summary>
public static class ValueStatistics
{
    private static readonly int[] s_headSizes = [64, 80, 96, 128];
    private static readonly bool[] s_forms = [false, true];

    /// <summary>Enqueues one reading of the values; sums are fp32, NaN and infinity pass through. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="arguments">Inputs and destinations; no two of them overlap.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides or alignments do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, in ValueStatisticsArguments arguments, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        var sequences = Check(arguments);
        var values = arguments.Values;
        if (sequences == 0 || values.IsEmpty) return;

        var variant = Plan(arguments);
        var args = new ValueStatisticsArgs
        {
            Values = values.Pointer,
            Means = arguments.Means?.Pointer ?? 0,
            Offsets = arguments.Offsets.Pointer,
            Products = arguments.Products.Pointer,
            Density = arguments.Density.Pointer,
            SquaredNorms = arguments.SquaredNorms.Pointer,
            GlobalSquaredNorms = arguments.GlobalSquaredNorms.Length == 0 ? 0 : arguments.GlobalSquaredNorms.Pointer,
            ValueStride = values.RowStride,
            ProductStride = arguments.Products.RowStride,
            Heads = arguments.Heads,
            Sequences = sequences,
        };
        kernels.Load(variant).Launch(args, new GridSize(GridSize.Blocks(values.Rows, ValueStatisticsVariant.Threads / 32)), ValueStatisticsVariant.Threads, stream);
    }

    internal static ValueStatisticsVariant Plan(in ValueStatisticsArguments arguments)
    {
        var values = arguments.Values;
        var size = values.Columns / arguments.Heads;
        // a pack may not straddle two heads
        var head = values with { Columns = size, RowStride = values.Rows > 1 ? values.RowStride : size };
        var vector = RowTile.VectorOf(head, arguments.Means is { } means ? means with { Columns = size, RowStride = values.Columns } : default);
        return new ValueStatisticsVariant(values.Type, arguments.Means is not null, size, vector);
    }
    /// <summary>For reports and compile tests: fp16 in every head size of the models, the other types in one, and single elements.</summary>
    internal static IEnumerable<ValueStatisticsVariant> Variants =>
    [
        .. from size in s_headSizes
           from given in s_forms
           select new ValueStatisticsVariant(ElementType.Float16, given, size, given ? 4 : 8),
        new ValueStatisticsVariant(ElementType.BFloat16, false, 64, 8),
        new ValueStatisticsVariant(ElementType.Float32, false, 64, 4),
        new ValueStatisticsVariant(ElementType.Float32, true, 128, 4),
        new ValueStatisticsVariant(ElementType.Float16, false, 128, 1),
    ];

    private static int Check(in ValueStatisticsArguments arguments)
    {
        var (values, rows) = (arguments.Values, arguments.Values.Rows);
        Require.Valid(values, nameof(arguments.Values));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(arguments.Heads);
        if (values.Columns % arguments.Heads != 0)
            throw new ArgumentException($"{values.Columns} columns do not divide into {arguments.Heads} heads.", nameof(arguments));
        Require.Length(arguments.Offsets, 1, nameof(arguments.Offsets));
        Require.Shape(arguments.Products, arguments.Heads, rows, nameof(arguments.Products));
        Require.Type(arguments.Products, ElementType.Float32, nameof(arguments.Products));
        Require.Length(arguments.Density, rows, nameof(arguments.Density));
        Require.Length(arguments.SquaredNorms, rows, nameof(arguments.SquaredNorms));
        var sequences = arguments.Offsets.Length - 1;
        if (arguments.GlobalSquaredNorms.Length > 0) Require.Length(arguments.GlobalSquaredNorms, sequences, nameof(arguments.GlobalSquaredNorms));
        if (arguments.Means is not { } means) return sequences;
        Require.Shape(means, sequences, values.Columns, nameof(arguments.Means));
        Require.Type(means, ElementType.Float32, nameof(arguments.Means));
        if (!means.IsContiguous) throw new ArgumentException("The means have gaps between their rows.", nameof(arguments));
        return sequences;
    }
}

internal readonly record struct ValueStatisticsVariant(ElementType Elem, bool Given, int HeadSize, int Vector) : IKernelVariant<ValueStatisticsVariant>
{
    public const int Threads = 128;

    public string Source => "pruning/value_statistics.cu";

    public string Entry => "fc_value_statistics";

    public string ConfigName => "config/value_statistics.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config) => config
        .Type("Elem", Elem).Type("Global", Given ? ElementType.Float32 : Elem).Constant("kGiven", Given)
        .Constant("kHeadSize", HeadSize).Constant("kVector", Vector).Constant("kThreads", Threads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct ValueStatisticsArgs
{
    public nint Values;
    public nint Means;
    public nint Offsets;
    public nint Products;
    public nint Density;
    public nint SquaredNorms;
    public nint GlobalSquaredNorms;
    public long ValueStride;
    public long ProductStride;
    public int Heads;
    public int Sequences;
}
