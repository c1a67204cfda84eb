using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>FlowCut's scores: the backend's arguments as the kernel takes them.</summary>
internal static class CudaFlow
{
    public static void Score(KernelContext kernels, in FlowScoreArguments arguments, DeviceArray<int> offsets, CudaStream stream)
    {
        var (keys, export) = (arguments.Keys, arguments.Export);
        var values = CudaHostValues.Of(arguments.EntropyRatios, keys.Count);
        var longest = 0;
        for (var i = 0; i < keys.Count; i++) longest = Math.Max(longest, keys.Length(i) - 1);
        var launch = new Kernels.Pruning.FlowScoreArguments
        {
            LogProbabilities = CudaBuffer.View(export.LogProbabilities, nameof(export.LogProbabilities)),
            Products = CudaBuffer.View(export.ValueProducts, nameof(export.ValueProducts)),
            Density = CudaBuffer.Row(export.ValueDensity, nameof(export.ValueDensity)),
            SquaredNorms = CudaBuffer.Row(export.ValueSquaredNorms, nameof(export.ValueSquaredNorms)),
            Offsets = offsets,
            MaxPatches = longest,
            HasClass = true,
            Criteria = CriteriaOf(arguments.Criteria),
            Semantic = SemanticOf(arguments.Semantic),
            SemanticScale = 1 / MathF.Sqrt(arguments.HeadSize),
            AttentionOverPatches = arguments.AttentionOverPatches,
            EmaWeight = arguments.EmaWeight,
            Attention = CudaBuffer.Row(arguments.AttentionScores, nameof(arguments.AttentionScores)),
            SemanticScores = CudaBuffer.Row(arguments.SemanticScores, nameof(arguments.SemanticScores)),
            Scores = CudaBuffer.Row(arguments.Scores, nameof(arguments.Scores)),
            Cumulative = CudaBuffer.Row(arguments.Cumulative, nameof(arguments.Cumulative)),
            EntropyRatios = values.Device(keys.Count),
            Mapped = values.Mapped(keys.Count),
            Number = values.NextNumber(),
        };
        FlowScore.Launch(kernels, launch, stream);
    }

    private static FlowCriteria CriteriaOf(Criteria criteria) =>
        (criteria.HasFlag(Criteria.Attention) ? FlowCriteria.Attention : 0)
        | (criteria.HasFlag(Criteria.Semantic) ? FlowCriteria.Semantic : 0)
        | (criteria.HasFlag(Criteria.Density) ? FlowCriteria.Density : 0);

    private static FlowSemantic SemanticOf(SemanticCriterion semantic) => semantic switch
    {
        SemanticCriterion.ValueSoftmax => FlowSemantic.SoftmaxOverAll,
        SemanticCriterion.ScaledValueSoftmax => FlowSemantic.SoftmaxOverPatches,
        SemanticCriterion.Cosine => FlowSemantic.Cosine,
        _ => throw new ArgumentOutOfRangeException(nameof(semantic), semantic, "There is no such criterion."),
    };
}
