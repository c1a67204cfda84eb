namespace FlowCut.Models.Pruning.Methods;

internal sealed class DivPruneMethod : PruningMethod
{
    public override string Name => "divprune";

    public override string Summary => "keeps visual tokens that are as unlike each other as possible";

    public override string Source => "DivPrune, CVPR 2025 (arXiv 2503.02175)";

    public override IReadOnlyList<PruningMethodOption> Options => [];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new DivPrune(keep!.Value);
}

/// <summary>
/// DivPrune: on the connector's outputs, the most isolated token first, then again and again the one whose nearest chosen token is
/// farthest by 1 − cosine (spec/rivals.md, "DivPrune").
/// </summary>
/// <param name="Keep">T.</param>
internal sealed record DivPrune(int Keep) : IPruningStrategy
{
    public string Name => "divprune";

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    private sealed class Run(EncoderStage stage, DivPrune options) : TokenReduction(stage, options.Name, options.Keep)
    {
        public override bool AfterConnector => true;

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            using var points = Backend.AllocateIndices(options.Keep);
            Backend.FarthestPoints(features.Tokens, options.Keep, points, 0);
            var order = new int[options.Keep];
            Backend.Download(points, order);
            if (order[0] < 0) throw new ComputationException($"picture {features.Sequence}: the connector's output is not a number or infinite; the weights or the activations are damaged");
            features.Trace?.Add("selection_order", order);
            return ReducedTokens.Of([.. order.Order()]);
        }
    }
}
