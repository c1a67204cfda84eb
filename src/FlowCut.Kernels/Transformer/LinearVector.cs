using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = f(x·Wᵀ + bias) + residual for at most four rows: single-token decode, where reading the weights once is all the work. Sums in fp32.</summary>
public static class LinearVector
{
    /// <summary>More rows than this are a matrix product.</summary>
    public const int MaxRows = 4;

    private static readonly int[] s_splits = [1, LinearVectorVariant.Warps];

    /// <summary>Enqueues the product. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, inputs], 1 to 4 rows.</param>
    /// <param name="weight">[outputs, inputs] of any type.</param>
    /// <param name="bias">[1, outputs], or null.</param>
    /// <param name="residual">[rows, outputs], added last, or null.</param>
    /// <param name="y">[rows, outputs]; the same view as <paramref name="residual"/>, or apart from it; apart from <paramref name="x"/>.</param>
    /// <param name="activation">f.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix weight, DeviceMatrix? bias, DeviceMatrix? residual, DeviceMatrix y, ActivationKind activation, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        DeviceMatrix b = bias ?? default, r = residual ?? default;
        Require.Valid(x);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(x.Rows, MaxRows, nameof(x));
        Require.Shape(weight, weight.Rows, x.Columns);
        Require.Shape(y, x.Rows, weight.Rows);
        Require.Disjoint(x, y);
        Require.Disjoint(weight, y);
        Require.Activation(activation);
        if (bias is not null) Require.Shape(b, 1, weight.Rows, nameof(bias));
        if (bias is not null) Require.Disjoint(b, y, nameof(bias));
        if (residual is not null) Require.Shape(r, x.Rows, weight.Rows, nameof(residual));
        if (residual is not null) Require.SameOrDisjoint(r, y, nameof(residual));
        if (y.IsEmpty) return;

        var variant = Plan(kernels.Device, x, weight, b, r, y, activation);
        var args = new LinearVectorArgs
        {
            X = x.Pointer,
            Weight = weight.Pointer,
            Bias = b.Pointer,
            Residual = r.Pointer,
            Y = y.Pointer,
            XStride = x.RowStride,
            WeightStride = weight.RowStride,
            ResidualStride = r.RowStride,
            YStride = y.RowStride,
            Inputs = x.Columns,
            Outputs = weight.Rows,
        };
        kernels.Load(variant).Launch(args, variant.Grid(weight.Rows), LinearVectorVariant.Threads, stream);
    }

    /// <summary>What a launch compiles. Where one warp per pair of outputs would leave the device short of warps, four share one, so that enough bytes are under way.</summary>
    internal static LinearVectorVariant Plan(DeviceInfo device, in DeviceMatrix x, in DeviceMatrix weight, in DeviceMatrix bias, in DeviceMatrix residual, in DeviceMatrix y, ActivationKind activation)
    {
        const int WarpsWanted = 12;
        var split = weight.Rows / LinearVectorVariant.Outputs < WarpsWanted * device.Multiprocessors ? LinearVectorVariant.Warps : 1;
        return new LinearVectorVariant(x.Type, weight.Type, bias.IsEmpty ? x.Type : bias.Type, residual.IsEmpty ? y.Type : residual.Type, y.Type, activation, x.Rows, split, RowTile.VectorOf(x, weight));
    }
    /// <summary>For reports and compile tests: fp16 in every number of rows and both divisions of work, the other types for one row, and single elements.</summary>
    internal static IEnumerable<LinearVectorVariant> Variants =>
    [
        .. from rows in Enumerable.Range(1, MaxRows) from split in s_splits select Uniform(ElementType.Float16, ElementType.Float32, rows, split, 8),
        .. from type in Enum.GetValues<ElementType>() select Uniform(type, type, 1, 1, 16 / type.Bytes()),
        Uniform(ElementType.Float16, ElementType.Float16, 1, 1, 1),
    ];

    private static LinearVectorVariant Uniform(ElementType type, ElementType y, int rows, int split, int vector) =>
        new(type, type, y, y, y, ActivationKind.None, rows, split, vector);
}

internal readonly record struct LinearVectorVariant(ElementType X, ElementType Weight, ElementType Bias, ElementType Residual, ElementType Y, ActivationKind Activation, int Rows, int Split, int Vector) : IKernelVariant<LinearVectorVariant>
{
    public const int Threads = 128;
    public const int Warps = Threads / 32;

    /// <summary>Outputs of a warp: what is read of x serves both.</summary>
    public const int Outputs = 2;

    private const int Unroll = 4;

    public string Source => "transformer/linear_vector.cu";

    public string Entry => "fc_linear_vector";

    public string ConfigName => "config/linear_vector.cuh";

    public int SharedBytes => Warps * Outputs * Rows * sizeof(float);

    public GridSize Grid(int outputs) => new(GridSize.Blocks(outputs, Warps / Split * Outputs));

    public void WriteConfig(ConfigWriter config) => config
        .Type("X", X).Type("W", Weight).Type("Bias", Bias).Type("Residual", Residual).Type("Y", Y)
        .Constant("kActivation", (int)Activation).Constant("kRows", Rows).Constant("kOutputs", Outputs).Constant("kUnroll", Unroll)
        .Constant("kSplit", Split).Constant("kVector", Vector).Constant("kThreads", Threads).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct LinearVectorArgs
{
    public nint X;
    public nint Weight;
    public nint Bias;
    public nint Residual;
    public nint Y;
    public long XStride;
    public long WeightStride;
    public long ResidualStride;
    public long YStride;
    public int Inputs;
    public int Outputs;
}
