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

    /// <summary>One type throughout; 16-bit rows with fp32 weights; and an fp32 residual stream around 16-bit products.</summary>
    public static IEnumerable<NormVariant> All(string stem)
    {
        foreach (var type in Enum.GetValues<ElementType>())
        {
            foreach (var hasResidual in new[] { false, true })
            {
                foreach (var block in RowBlock.All(type.Bytes())) yield return new NormVariant(stem, type, type, type, type, hasResidual, block);
                if (type == ElementType.Float32) continue;
                const ElementType Wide = ElementType.Float32;
                foreach (var block in RowBlock.All(Wide.Bytes()))
                {
                    yield return new NormVariant(stem, type, type, Wide, type, hasResidual, block);
                    yield return new NormVariant(stem, Wide, hasResidual ? type : Wide, Wide, type, hasResidual, block);
                }
            }
        }
    }

    public void WriteConfig(ConfigWriter config)
    {
        config.Type("X", X).Type("Residual", Residual).Type("Weight", Weight).Type("Y", Y).Constant("kResidual", HasResidual);
        Block.WriteConfig(config);
    }
}
