using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>FlowCut's scores: the backend's arguments as the kernel takes them.</summary>
internal static class CudaFlow
{
    /// <summary>The host learns the entropy ratios as soon as they are known.</summary>
    public static void Score(KernelContext kernels, in FlowScoreArguments arguments, DeviceArray<int> offsets, CudaStream stream)
    {
        var sequences = arguments.Keys.Count;
        var values = CudaHostValues.Of(arguments.EntropyRatios, sequences);
        FlowScore.Launch(kernels, Arguments(arguments, offsets, values.Device(sequences)) with { Mapped = values.Mapped(sequences), Number = values.NextNumber() }, stream);
    }

    /// <summary>The entropy ratios stay on the device.</summary>
    public static void Score(KernelContext kernels, in FlowScoreArguments arguments, DeviceArray<int> offsets, Tensor entropyRatios, CudaStream stream) =>
        FlowScore.Launch(kernels, Arguments(arguments, offsets, CudaBuffer.Row(entropyRatios, nameof(entropyRatios))), stream);

    public static void Select(KernelContext kernels, in FlowSelectArguments arguments, DeviceArray<int> offsets, CudaStream stream) => FlowSelect.Launch(
        kernels,
        new Kernels.Pruning.FlowSelectArguments
        {
            Cumulative = CudaBuffer.Row(arguments.Cumulative, nameof(arguments.Cumulative)),
            Offsets = offsets,
            MaxPatches = LongestPatches(arguments.Keys, hasClass: true),
            HasClass = true,
            EntropyRatios = arguments.EntropyRatios is { } ratios ? CudaBuffer.Row(ratios, nameof(arguments.EntropyRatios)) : default,
            Target = arguments.Keep,
            KeepAll = arguments.Keep,
            Remaining = arguments.Remaining,
            SharedCount = arguments.SharedCount,
            Rows = CudaIndexBuffer.View(arguments.Rows, nameof(arguments.Rows)),
            NewOffsets = CudaIndexBuffer.View(arguments.NewOffsets, nameof(arguments.NewOffsets)),
            NewCumulative = CudaBuffer.Row(arguments.NewCumulative, nameof(arguments.NewCumulative)),
        },
        stream);

    private static Kernels.Pruning.FlowScoreArguments Arguments(in FlowScoreArguments arguments, DeviceArray<int> offsets, DeviceArray<float> entropyRatios)
    {
        var export = arguments.Export;
        return new Kernels.Pruning.FlowScoreArguments
        {
            LogProbabilities = CudaBuffer.View(export.LogProbabilities, nameof(export.LogProbabilities)),
            Products = CudaBuffer.View(export.ValueProducts, nameof(export.ValueProducts)),
            Density = CudaBuffer.Row(export.ValueDensity, nameof(export.ValueDensity)),
            SquaredNorms = CudaBuffer.Row(export.ValueSquaredNorms, nameof(export.ValueSquaredNorms)),
            Offsets = offsets,
            GlobalSquaredNorms = export.GlobalSquaredNorms is { } norms ? CudaBuffer.Row(norms, nameof(export.GlobalSquaredNorms)) : default,
            MaxPatches = LongestPatches(arguments.Keys, arguments.HasClass),
            HasClass = arguments.HasClass,
            Criteria = CriteriaOf(arguments.Criteria),
            Semantic = SemanticOf(arguments.Semantic, arguments.HasClass),
            // without CLS the patches are all that a softmax can be over, scaled or not
            SemanticScale = arguments.Semantic == SemanticCriterion.ScaledValueSoftmax ? 1 / MathF.Sqrt(arguments.HeadSize) : 1,
            AttentionOverPatches = arguments.AttentionOverPatches,
            EmaWeight = arguments.EmaWeight,
            Attention = CudaBuffer.Row(arguments.AttentionScores, nameof(arguments.AttentionScores)),
            SemanticScores = CudaBuffer.Row(arguments.SemanticScores, nameof(arguments.SemanticScores)),
            Scores = CudaBuffer.Row(arguments.Scores, nameof(arguments.Scores)),
            Cumulative = CudaBuffer.Row(arguments.Cumulative, nameof(arguments.Cumulative)),
            EntropyRatios = entropyRatios,
        };
    }

    private static int LongestPatches(Sequences keys, bool hasClass)
    {
        var longest = 0;
        for (var i = 0; i < keys.Count; i++) longest = Math.Max(longest, keys.Length(i) - (hasClass ? 1 : 0));
        return longest;
    }

    private static FlowCriteria CriteriaOf(Criteria criteria) =>
        (criteria.HasFlag(Criteria.Attention) ? FlowCriteria.Attention : 0)
        | (criteria.HasFlag(Criteria.Semantic) ? FlowCriteria.Semantic : 0)
        | (criteria.HasFlag(Criteria.Density) ? FlowCriteria.Density : 0);

    private static FlowSemantic SemanticOf(SemanticCriterion semantic, bool hasClass) => semantic switch
    {
        SemanticCriterion.ValueSoftmax when hasClass => FlowSemantic.SoftmaxOverAll,
        SemanticCriterion.ValueSoftmax => FlowSemantic.SoftmaxOverPatches,
        SemanticCriterion.ScaledValueSoftmax => FlowSemantic.SoftmaxOverPatches,
        SemanticCriterion.Cosine => FlowSemantic.Cosine,
        _ => throw new ArgumentOutOfRangeException(nameof(semantic), semantic, "There is no such criterion."),
    };
}
