using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Inspection;

/// <summary>Every variant that a launcher may ask for: what is compiled by the tests and listed by reports.</summary>
internal static class KernelRegistry
{
    private static readonly Lazy<IReadOnlyList<KernelDescription>> s_all = new(() => [.. Collect()]);

    /// <summary>All variants, those of one source together.</summary>
    public static IReadOnlyList<KernelDescription> All => s_all.Value;

    private static IEnumerable<KernelDescription> Collect() => [.. OfAttention(), .. OfPruning(), .. OfTransformer()];

    private static IEnumerable<KernelDescription> OfAttention() =>
    [
        .. Of(Attention.Variants), .. Of(AttentionRow.Variants), .. Of(SequenceMean.Variants), .. Of(DecodeAttention.Variants), .. Of(RotaryAppend.Variants),
    ];

    private static IEnumerable<KernelDescription> OfPruning() =>
    [
        .. Of(ValueStatistics.Variants), .. Of(FlowScore.Variants), .. Of(Entropy.Variants), .. Of(Cumulative.Variants),
        .. Of(FlowSelect.Variants), .. Of(SelectTop.Variants), .. Of(GatherRows.Variants), .. Of(MeanProbabilities.Variants), .. Of(MixRows.Variants),
        .. Of(Pairwise.Variants), .. Of(RowNorms.Variants), .. Of(NearestRows.Variants), .. Of(FarthestPoints.Variants), .. Of(GreedyDeterminant.Variants),
    ];

    private static IEnumerable<KernelDescription> OfTransformer() =>
    [
        .. Of(ImageToPatches.Variants), .. Of(Embed.Variants), .. Of(ConvertType.Variants), .. Of(LayerNorm.Variants), .. Of(RmsNorm.Variants),
        .. Of(BiasActivation.Variants), .. Of(GatedActivation.Variants), .. Of(LayerScale.Variants), .. Of(LinearVector.Variants),
        .. Of(SoftmaxRows.Variants), .. Of(ArgMax.Variants), .. Of(SampleTopP.Variants),
    ];

    private static IEnumerable<KernelDescription> Of<TVariant>(IEnumerable<TVariant> variants)
        where TVariant : struct, IKernelVariant<TVariant> => variants.Select(KernelDescription.Of);
}
