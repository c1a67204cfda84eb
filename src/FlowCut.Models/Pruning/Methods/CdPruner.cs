using FlowCut.Models.Backends;
using FlowCut.Models.Clip;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class CdPrunerMethod : PruningMethod
{
    private const string Clip = "clip", Question = "question";

    public override string Name => "cdpruner";

    public override string Summary => "keeps visual tokens that go with the question and are unlike each other";

    public override string Source => "CDPruner, NeurIPS 2025 (arXiv 2506.10967)";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new(Clip, "the folder of the CLIP that the model's vision tower comes from, for its text tower (LLaVA-1.5: openai/clip-vit-large-patch14-336)", "none, it must be given"),
        new(Question, "the question, for a raw prompt or in place of the one that is asked", "the one that is asked"),
    ];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings)
    {
        if (settings.Text(Clip) is not { Length: > 0 } folder)
        {
            throw new InputException(
                $"{Name} compares pictures with the question by CLIP, whose text tower is in no LLaVA checkpoint: download the CLIP of the model's vision tower "
                + $"(hf download openai/clip-vit-large-patch14-336 --local-dir clip-vit-large-patch14-336) and name its folder (--set {Clip}=clip-vit-large-patch14-336; in eval and analyze --method '{Name} {Clip}=…')");
        }

        if (!Directory.Exists(folder)) throw new InputException($"{Name}: CLIP's folder {folder} ({Clip}) does not exist");
        var question = settings.Text(Question);
        return question is null || !string.IsNullOrWhiteSpace(question) ? new CdPruner(keep!.Value, Path.GetFullPath(folder), question) : throw settings.Wrong(Question, question);
    }
}

/// <summary>
/// CDPruner: a patch's relevance is how little CLIP's embeddings of patch and question agree; on the connector's outputs the greedy choice
/// by the determinant of r_i · cosine · r_j (spec/rivals.md, "CDPruner"). The sign of the relevance is the authors' code's.
/// </summary>
/// <param name="Keep">T.</param>
/// <param name="Clip">Folder of CLIP's text tower.</param>
/// <param name="Question">In place of the one that is asked; null: that one.</param>
internal sealed record CdPruner(int Keep, string Clip, string? Question) : IPruningStrategy
{
    public string Name => "cdpruner";

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    /// <summary>The question that is asked; null: none is known yet.</summary>
    public string? Asked { get; init; }

    public IPruningStrategy About(string question) => Question is null ? this with { Asked = question } : this;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    /// <summary>The negated mean over the text's segments, scaled so that the least is just above 0 and the largest just above 1.</summary>
    /// <param name="cosines">[segments, patches].</param>
    public static float[] Relevance(float[,] cosines)
    {
        var (segments, patches) = (cosines.GetLength(0), cosines.GetLength(1));
        var relevance = new float[patches];
        for (var j = 0; j < patches; j++)
        {
            var sum = 0.0;
            for (var segment = 0; segment < segments; segment++) sum -= cosines[segment, j];
            relevance[j] = (float)(sum / segments);
        }

        float least = relevance.Min(), range = relevance.Max() - least;
        // patches that are all alike tell nothing: then only their being unlike counts
        return Array.ConvertAll(relevance, r => range > 0 ? (r - least + 1e-6f) / range : 1);
    }

    private sealed class Run : TokenReduction
    {
        private readonly CdPruner _options;
        private readonly ClipCounterpart _clip;
        private readonly float[,] _text;

        /// <exception cref="InputException">There is no question, the encoder is no CLIP, or the folder holds another one's.</exception>
        public Run(EncoderStage stage, CdPruner options)
            : base(stage, options.Name, options.Keep)
        {
            if (!stage.HasClass || stage.PostNorm is null)
                throw new InputException($"{options.Name} goes by what CLIP says of picture and question, and this model's encoder has no CLS token or is no CLIP");
            if (string.IsNullOrWhiteSpace(options.Question ?? options.Asked))
                throw new InputException($"{options.Name} goes by the question alone, and it is not known here; give it (--set question=TEXT), which a raw prompt needs too");
            _options = options;
            _clip = stage.Loaded.Get(options.Clip, () => ClipCounterpart.Load(stage.Backend, options.Clip, stage.Heads * stage.HeadSize));
            var ids = _clip.Tokenize(options.Question ?? options.Asked!);
            _text = _clip.Embed(ids);
            stage.Trace?.Add("text.ids", ids);
            stage.Trace?.Add("text.embeds", [.. _text.Cast<float>()], _text.GetLength(0));
        }

        public override bool AfterConnector => true;

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            CheckRank(features.Tokens.Columns, features.Tokens.Columns);
            var cosines = _clip.Cosines(_text, features.Features, Stage.PostNorm!.Value);
            Ranking.Check(cosines.Cast<float>().ToArray(), $"picture {features.Sequence}, CLIP's agreement with the question");
            var relevance = Relevance(cosines);
            features.Trace?.Add("relevance", relevance);
            var points = Choose(features.Tokens, relevance);
            if (points[0] < 0) throw new ComputationException($"picture {features.Sequence}: the connector's output is not a number or zero; the weights or the activations are damaged");
            if (Array.IndexOf(points, -1) is var found and > 0) CheckRank(found, features.Tokens.Columns);
            return ReducedTokens.Of([.. points.Order()]);
        }

        private int[] Choose(Tensor tokens, float[] relevance)
        {
            var weights = Backend.Allocate(1, relevance.Length, Precision.Single);
            using var owned = weights.Buffer;
            using var points = Backend.AllocateIndices(_options.Keep);
            Backend.Upload(relevance, weights);
            Backend.GreedyDeterminant(tokens, weights, _options.Keep, points, 0);
            var order = new int[_options.Keep];
            Backend.Download(points, order);
            return order;
        }

        /// <exception cref="InputException">More are to be kept than lie in different directions: what comes then is rounding noise.</exception>
        private void CheckRank(int most, int width)
        {
            if (_options.Keep > most)
                throw new InputException($"{_options.Name} cannot keep {_options.Keep} visual tokens: they are {width} numbers wide, and beyond {most} of them every other one is a mixture of those before, so that nothing decides; keep {most} or fewer");
        }
    }
}
