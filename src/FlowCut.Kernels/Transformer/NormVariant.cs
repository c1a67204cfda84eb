using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>One form of a row norm.</summary>
/// <param name="Stem">The operation: layer_norm or rms_norm.</param>
/// <param name="X">The rows' type.</param>
/// <param name="Residual">The type of what is added first; X's where nothing is.</param>
/// <param name="Weight">The type of weight and bias.</param>
/// <param name="Y">The result's type.</param>
/// <param name="HasResidual">Something is added first.</param>
/// <param name="Block">How a row is shared out.</param>
internal readonly record struct NormVariant(string Stem, ElementType X, ElementType Residual, ElementType Weight, ElementType Y, bool HasResidual, RowBlock Block) : IKernelVariant<NormVariant>
{
    private static readonly bool[] s_forms = [false, true];
    private static readonly int[] s_rowThreads = [32, 128, 1024];

    public string Source => Stem == "layer_norm" ? "transformer/layer_norm.cu" : "transformer/rms_norm.cu";

    public string Entry => Stem == "layer_norm" ? "fc_layer_norm" : "fc_rms_norm";

    public string ConfigName => Stem == "layer_norm" ? "config/layer_norm.cuh" : "config/rms_norm.cuh";

    public int SharedBytes => Block.SharedBytes;

    /// <exception cref="ArgumentException">A row is longer than a block holds.</exception>
    public static NormVariant Plan(string stem, in DeviceMatrix x, in DeviceMatrix residual, in DeviceMatrix weight, in DeviceMatrix bias, in DeviceMatrix y)
    {
        var hasResidual = residual.Pointer != 0;
        var block = RowBlock.Of(x.Columns, RowTile.VectorOf(x, residual, weight, bias, y));
        return new NormVariant(stem, x.Type, hasResidual ? residual.Type : x.Type, weight.Type, y.Type, hasResidual, block);
    }

    /// <summary>
    /// For reports and compile tests: the smallest and the largest block of one type throughout and of an fp32 residual stream
    /// around 16-bit products, bf16 in one form (its code is fp16's but for the conversions), and single elements.
    /// </summary>
    public static IEnumerable<NormVariant> All(string stem)
    {
        const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
        foreach (var hasResidual in s_forms)
        {
            foreach (var rowThreads in s_rowThreads)
            {
                yield return new NormVariant(stem, Single, Single, Single, Single, hasResidual, new RowBlock(4, rowThreads));
                yield return new NormVariant(stem, Half, Half, Half, Half, hasResidual, new RowBlock(8, rowThreads));
                yield return new NormVariant(stem, Single, hasResidual ? Half : Single, Single, Half, hasResidual, new RowBlock(4, rowThreads));
            }

            yield return new NormVariant(stem, BFloat, BFloat, BFloat, BFloat, hasResidual, new RowBlock(8, 128));
            yield return new NormVariant(stem, Single, hasResidual ? BFloat : Single, Single, BFloat, hasResidual, new RowBlock(4, 128));
            yield return new NormVariant(stem, Half, Half, Half, Half, hasResidual, new RowBlock(1, 1024));
        }
    }

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Residual", Residual).Type("Weight", Weight).Type("Y", Y).Constant("kResidual", HasResidual);
        Block.WriteConfig(config);
    }
}
