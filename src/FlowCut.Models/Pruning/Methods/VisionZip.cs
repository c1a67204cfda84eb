using System.Buffers;
using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

internal sealed class VisionZipMethod : PruningMethod
{
    public override string Name => "visionzip";

    public override string Summary => "keeps the patches that the CLS token attends to most, and merges the others into a few by their keys";

    public override string Source => "VisionZip, CVPR 2025 (arXiv 2412.04467)";

    public override IReadOnlyList<PruningMethodOption> Options { get; } =
    [
        new("dominant", "tokens that are kept, the CLS token among them, 1 or more", "27/32 of --keep"),
        new("contextual", "tokens that the others are merged into, 0 or more", "the rest of --keep"),
    ];

    public override IReadOnlyList<string> BudgetOptions => ["dominant", "contextual"];

    private protected override IPruningStrategy Build(int? keep, MethodSettings settings)
    {
        var dominant = settings.Int("dominant", 1) ?? Math.Max(1, PublishedSizes.Round(27.0 * keep!.Value / 32));
        return new VisionZip(dominant, settings.Int("contextual", 0) ?? keep!.Value - dominant);
    }
}

/// <summary>
/// VisionZip: the CLS token and the patches that it attends to most; of the others every st-th is a target, and each remaining one joins
/// the target with the nearest head mean of keys: h_target + mean of the joined (spec/rivals.md, "VisionZip").
/// </summary>
/// <param name="Dominant">D: the CLS token and D − 1 patches.</param>
/// <param name="Contextual">C: targets.</param>
internal sealed record VisionZip(int Dominant, int Contextual) : IPruningStrategy
{
    public string Name => "visionzip";

    public int Keep => Dominant + Contextual;

    public bool PrunesEncoder => true;

    public PositionPolicy? Positions => PositionPolicy.Compact;

    public ITokenReduction? BeginReduction(EncoderStage stage) => new Run(stage, this);

    private sealed class Run(EncoderStage stage, VisionZip options) : ClassAttentionReduction(stage, options.Name, options.Keep, stage.LayersRun - 1)
    {
        private float[] _keys = [];

        private int Layer => Stage.LayersRun - 1;

        public override void Observe(int layer, in EncoderLayer seen)
        {
            base.Observe(layer, seen);
            // as large as the layer's activations: a new one for each picture would have the collector run
            var length = seen.Keys.Rows * seen.Keys.Columns;
            _keys = ArrayPool<float>.Shared.Rent(length);
            Backend.Download(seen.Keys, _keys.AsSpan(0, length));
        }

        public override void Dispose()
        {
            ArrayPool<float>.Shared.Return(_keys);
            _keys = [];
            base.Dispose();
        }

        public override ReducedTokens Reduce(TokenFeatures features)
        {
            var attention = Attention(Layer, features.Sequence);
            var dominant = Ranking.Top(attention, options.Dominant - 1);
            int[] rest = [.. Enumerable.Range(0, attention.Length).Except(dominant)];
            var step = options.Contextual == 0 ? 1 : Math.Max(1, rest.Length / options.Contextual);
            int[] targets = [.. Enumerable.Range(0, options.Contextual).Select(i => rest[i * step])];
            int[] sources = targets.Length == 0 ? [] : [.. rest.Except(targets)];
            var into = sources.Length == 0 ? [] : Nearest(KeyCosines(features.Sequence, sources, targets));

            var mix = new RowMix();
            foreach (var patch in dominant)
            {
                mix.Add(patch, 1);
                mix.EndRow();
            }

            for (var target = 0; target < targets.Length; target++)
            {
                mix.Add(targets[target], 1);
                mix.AddMean([.. sources.Where((_, i) => into[i] == target)]);
                mix.EndRow();
            }

            // a sum over heads, as released
            features.Trace?.Add("scores", Array.ConvertAll(attention, a => a * Stage.Heads));
            features.Trace?.Add("merge_targets", targets);
            features.Trace?.Add("merge_sources", sources);
            features.Trace?.Add("merge_into", into);
            return new ReducedTokens { Numbers = [-1, .. dominant, .. targets], Kept = dominant, Mix = mix, WithClass = true };
        }

        /// <summary>Cosines between head means of keys.</summary>
        private float[,] KeyCosines(int sequence, int[] sources, int[] targets)
        {
            var (patches, size) = (Stage.Patches(sequence), Stage.HeadSize);
            var first = Stage.Sequences.Start(sequence) + 1;
            var means = new float[patches * size];
            for (var i = 0; i < means.Length; i++)
            {
                var sum = 0.0;
                for (var head = 0; head < Stage.Heads; head++) sum += _keys[((first + i / size) * Stage.Heads + head) * size + i % size];
                means[i] = (float)(sum / Stage.Heads);
            }

            var metric = Backend.Allocate(patches, size, Precision.Single);
            Backend.Upload(means, metric);
            var cosines = Pairwise(PairMeasure.Cosine, metric, sources, targets);
            metric.Buffer.Dispose();
            return cosines;
        }
    }
}
