using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>y = f(x + bias) + residual, element by element: the epilogue of a linear layer where the GEMM library has none.</summary>
public static class BiasActivation
{
    private const int RowsOfThread = 4;

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="bias">[1, columns], or null.</param>
    /// <param name="residual">[rows, columns], added last, or null.</param>
    /// <param name="y">[rows, columns]; the same view as <paramref name="x"/> or <paramref name="residual"/>, or apart from them.</param>
    /// <param name="activation">f. NaN and infinity pass through as its formula says.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides or alignments do not fit, views overlap in part, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix x, DeviceMatrix? bias, DeviceMatrix? residual, DeviceMatrix y, ActivationKind activation, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        DeviceMatrix b = bias ?? default, r = residual ?? default;
        Require.Valid(x);
        Require.Shape(y, x.Rows, x.Columns);
        Require.SameOrDisjoint(x, y);
        Require.Activation(activation);
        if (bias is not null) Require.Shape(b, 1, x.Columns, nameof(bias));
        if (residual is not null) Require.Shape(r, x.Rows, x.Columns, nameof(residual));
        if (bias is not null) Require.Disjoint(b, y, nameof(bias));
        if (residual is not null) Require.SameOrDisjoint(r, y, nameof(residual));
        if (x.IsEmpty) return;

        var variant = Plan(x, b, r, y, activation);
        var args = new BiasActivationArgs
        {
            X = x.Pointer,
            Bias = b.Pointer,
            Residual = r.Pointer,
            Y = y.Pointer,
            XStride = x.RowStride,
            ResidualStride = r.RowStride,
            YStride = y.RowStride,
            Rows = x.Rows,
            Columns = x.Columns,
        };
        kernels.Load(variant).Launch(args, variant.Tile.Grid(x.Rows, x.Columns), RowTile.Threads, stream);
    }

    /// <summary>What a launch compiles. Views that are left out are empty.</summary>
    internal static BiasActivationVariant Plan(in DeviceMatrix x, in DeviceMatrix bias, in DeviceMatrix residual, in DeviceMatrix y, ActivationKind activation)
    {
        var types = (Bias: bias.IsEmpty ? x.Type : bias.Type, Residual: residual.IsEmpty ? x.Type : residual.Type);
        return new BiasActivationVariant(x.Type, types.Bias, types.Residual, y.Type, activation, RowTile.Of(x.Columns, RowsOfThread, x, bias, residual, y));
    }

    /// <summary>For reports and compile tests: every function on fp16, the other types with CLIP's, an fp32 residual stream, and single elements.</summary>
    internal static IEnumerable<BiasActivationVariant> Variants
    {
        get
        {
            const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
            foreach (var activation in Enum.GetValues<ActivationKind>())
                yield return new BiasActivationVariant(Half, Half, Half, Half, activation, RowTile.Long(RowsOfThread, Half));
            foreach (var type in new[] { Single, BFloat })
                yield return new BiasActivationVariant(type, type, type, type, ActivationKind.QuickGelu, RowTile.Long(RowsOfThread, type));
            yield return new BiasActivationVariant(Half, Single, Single, Single, ActivationKind.None, RowTile.Long(RowsOfThread, Single));
            yield return new BiasActivationVariant(Half, Half, Half, Half, ActivationKind.QuickGelu, RowTile.Long(RowsOfThread, null));
        }
    }
}

internal readonly record struct BiasActivationVariant(ElementType X, ElementType Bias, ElementType Residual, ElementType Y, ActivationKind Activation, RowTile Tile) : IKernelVariant<BiasActivationVariant>
{
    public string Source => "transformer/bias_activation.cu";

    public string Entry => "fc_bias_activation";

    public string ConfigName => "config/bias_activation.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Bias", Bias).Type("Residual", Residual).Type("Y", Y).Constant("kActivation", (int)Activation);
        Tile.WriteConfig(config);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct BiasActivationArgs
{
    public nint X;
    public nint Bias;
    public nint Residual;
    public nint Y;
    public long XStride;
    public long ResidualStride;
    public long YStride;
    public int Rows;
    public int Columns;
}
