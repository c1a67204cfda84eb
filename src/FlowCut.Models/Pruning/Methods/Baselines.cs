using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class RandomMethod : PruningMethod
{
    public override string Name => "random";

    public override string Summary => "keeps visual tokens drawn at random, the same for every picture";

    public override string Source => "baseline";

    public override IReadOnlyList<PruningMethodOption> Options { get; } = [new("seed", "a whole number, 0 or more", "0")];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new RandomBaseline(keep!.Value, settings.Int("seed", 0) ?? 0);
}

internal sealed class UniformMethod : PruningMethod
{
    public override string Name => "uniform";

    public override string Summary => "keeps visual tokens at even distances";

    public override string Source => "baseline: token ⌊(i + ½)·N/T⌋";

    public override IReadOnlyList<PruningMethodOption> Options => [];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new UniformBaseline(keep!.Value);
}

internal sealed class PoolMethod : PruningMethod
{
    public override string Name => "pool";

    public override string Summary => "averages runs of neighbouring visual tokens, before the connector";

    public override string Source => "baseline: run i is the tokens ⌊i·N/T⌋ … ⌊(i + 1)·N/T⌋ − 1 in raster order";

    public override IReadOnlyList<PruningMethodOption> Options => [];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new PoolBaseline(keep!.Value);
}

internal sealed class ClassAttentionMethod : PruningMethod
{
    public override string Name => "cls";

    public override string Summary => "keeps the visual tokens that the CLS token of the vision encoder attends to most, in one layer";

    public override string Source => "baseline";

    public override IReadOnlyList<PruningMethodOption> Options { get; } = [new("layer", "an encoder layer that is run", "the last one")];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings) => new ClassAttentionBaseline(keep!.Value, settings.Int("layer", 0));
}

/// <summary>The T tokens with the smallest hash of seed and number: the first T of a random order, whatever T is.</summary>
internal sealed record RandomBaseline(int Keep, int Seed) : IPruningStrategy
{
    public string Name => "random";

    public bool PrunesEncoder => true;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    /// <summary>The mixing steps of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which the framework's own generator does not promise to keep.</summary>
    private static ulong Hash(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private sealed class Run(EncoderStage stage, RandomBaseline options) : TokenReduction(stage, options.Name, options.Keep)
    {
        public override ReducedTokens Reduce(TokenFeatures features) =>
            ReducedTokens.Of([.. Enumerable.Range(0, features.Tokens.Rows).OrderBy(i => Hash(Hash((ulong)options.Seed) + (ulong)i)).Take(options.Keep).Order()]);
    }
}

/// <summary>Token ⌊(i + ½)·N/T⌋ for i = 0 … T − 1.</summary>
internal sealed record UniformBaseline(int Keep) : IPruningStrategy
{
    public string Name => "uniform";

    public bool PrunesEncoder => true;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    public static int Token(int index, int keep, int tokens) => (int)((2L * index + 1) * tokens / (2L * keep));

    private sealed class Run(EncoderStage stage, UniformBaseline options) : TokenReduction(stage, options.Name, options.Keep)
    {
        public override ReducedTokens Reduce(TokenFeatures features) =>
            ReducedTokens.Of([.. Enumerable.Range(0, options.Keep).Select(i => Token(i, options.Keep, features.Tokens.Rows))]);
    }
}

/// <summary>Means of T runs of neighbours; each counts as its middle token.</summary>
internal sealed record PoolBaseline(int Keep) : IPruningStrategy
{
    public string Name => "pool";

    public bool PrunesEncoder => true;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    private sealed class Run(EncoderStage stage, PoolBaseline options) : TokenReduction(stage, options.Name, options.Keep)
    {
        public override ReducedTokens Reduce(TokenFeatures features)
        {
            var (tokens, keep) = (features.Tokens.Rows, options.Keep);
            var mix = new RowMix();
            for (var i = 0; i < keep; i++)
            {
                var (start, end) = ((int)((long)i * tokens / keep), (int)((i + 1L) * tokens / keep));
                mix.AddMean([.. Enumerable.Range(start, end - start)]);
                mix.EndRow();
            }

            return new ReducedTokens { Numbers = [.. Enumerable.Range(0, keep).Select(i => UniformBaseline.Token(i, keep, tokens))], Kept = null, Mix = mix };
        }
    }
}

/// <summary>The T patches with the largest mean over heads of the CLS token's attention.</summary>
/// <param name="Keep">T.</param>
/// <param name="Layer">Of the encoder; null: the last one that is run.</param>
internal sealed record ClassAttentionBaseline(int Keep, int? Layer) : IPruningStrategy
{
    public string Name => "cls";

    public bool PrunesEncoder => true;

    public ITokenReduction? BeginReduction(EncoderStage stage)
    {
        var layer = Layer ?? stage.LayersRun - 1;
        return layer < stage.LayersRun
            ? new Run(stage, this, layer)
            : throw new InputException($"cls cannot go by encoder layer {layer}: layers 0 to {stage.LayersRun - 1} are run");
    }

    private sealed class Run(EncoderStage stage, ClassAttentionBaseline options, int layer) : ClassAttentionReduction(stage, options.Name, options.Keep, layer)
    {
        private readonly int _layer = layer;

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            var attention = Attention(_layer, features.Sequence);
            features.Trace?.Add("scores", attention);
            return ReducedTokens.Of(Ranking.Top(attention, options.Keep));
        }
    }
}
