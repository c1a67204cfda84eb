namespace FlowCut.Kernels.Cases;

/// <summary>The cases of every operation, by name: what tests run on each device, and the device runner where there is no test framework.</summary>
internal static class KernelCases
{
    public static IReadOnlyList<(string Operation, IEnumerable<KernelCase> Cases)> All { get; } =
    [
        ("attention", AttentionTable.Cases.Concat(AttentionTable.LargeBlocks)),
        ("attention of a mean query", MeanQueryTable.Cases),
        ("decode attention", DecodeAttentionTable.Cases.Concat(DecodeAttentionTable.Groups)),
        ("rotary append", RotaryAppendTable.Cases),
        ("value statistics", ValueStatisticsTable.Cases),
        ("flow score", FlowScoreTable.Cases),
        ("selection", SelectTable.Cases),
        ("flow step", FlowStepTable.Cases),
        ("single criteria and gathers", SingleCriterionTable.Cases),
        ("head means and mixtures of rows", MergingTable.Cases),
        ("measures of pairs", PairwiseTable.Cases),
        ("farthest points", GreedyTable.FarthestPoints),
        ("greedy determinant", GreedyTable.GreedyDeterminant),
        ("norms", NormTable.Cases),
        ("element-wise", ElementWiseTable.Cases),
        ("embeddings and patches", RowMovingTable.Cases),
        ("decoding", DecodingTable.Cases.Concat(DecodingTable.Samples)),
        ("linear", LinearTable.Cases),
    ];
}
