using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

/// <summary>
/// SparseVLM+ over one prompt: attention divided by w(p, q) = (R_p 1)·(R_q 1)/√d = 2/√d · Σ cos((p − q)·θ_i), in the 14 heads in which
/// that comes to most. w is not clamped: it crosses zero and changes its sign with the distance, as released.
/// </summary>
internal sealed class SparseVlmPlusRun : DecoderRun
{
    /// <summary>A literal of the code, whatever the model has.</summary>
    private const int Heads = 14;

    private readonly QueryAttention _attention;
    private readonly double[] _weights;
    private int[][] _raters = [];

    /// <exception cref="InputException">Fewer than 14 heads, or positions on three axes.</exception>
    public SparseVlmPlusRun(DecoderStage stage, IReadOnlyList<DecoderDrop> drops)
        : base(stage, drops, byNext: false)
    {
        if (stage.Heads < Heads) throw new InputException($"sparsevlm-plus looks at {Heads} heads, the language model has {stage.Heads}");
        var theta = stage.RopeTheta ?? throw new InputException("sparsevlm-plus discounts positions on one axis; this model's tokens stand on three");
        _attention = new QueryAttention(stage);
        _weights = new double[stage.Rows];
        for (var distance = 0; distance < _weights.Length; distance++)
        {
            for (var pair = 0; pair < stage.HeadSize / 2; pair++) _weights[distance] += Math.Cos(distance * Math.Pow(theta, -2.0 * pair / stage.HeadSize));
            _weights[distance] *= 2 / Math.Sqrt(stage.HeadSize);
        }
    }

    public override int QueryRows => Stage.TextRows;

    public override void Start(Tensor inputs) => _raters = [.. Stage.Pictures.Select(p => TextRaters.Find(Stage, p, inputs))];

    public override void Observe(int number, in DecoderLayer layer)
    {
        for (var i = 0; i < Pictures.Count; i++)
        {
            var picture = Pictures[i];
            var sums = Sums(layer, _raters[i], picture, Stage.Pictures[i].Start);
            var masses = Array.ConvertAll(sums, head => (float)head.Sum());
            var heads = Ranking.Largest(masses, Heads);
            var count = heads.Length * _raters[i].Length;
            picture.Scores = [.. Enumerable.Range(0, picture.Count).Select(j => (float)(heads.Sum(head => sums[head][j]) / count))];
            Stage.Trace?.Add($"layer.{Events[number].Layer}.head_mass", masses);
            Stage.Trace?.Add($"layer.{Events[number].Layer}.heads", heads);
        }
    }

    public override void Dispose()
    {
        _attention.Dispose();
        base.Dispose();
    }

    /// <summary>[heads][alive]: divided attention, summed over raters.</summary>
    private double[][] Sums(in DecoderLayer layer, int[] raters, AlivePicture picture, int firstPosition)
    {
        var logs = new float[Stage.Heads * picture.Count];
        var sums = Array.ConvertAll(new int[Stage.Heads], _ => new double[picture.Count]);
        foreach (var rater in raters)
        {
            Stage.Backend.Download(_attention.Row(layer, rater).SliceColumns(picture.Start, picture.Count), logs);
            // nothing was renumbered: a row stands where it entered
            var position = Stage.Rows - Stage.TextRows + rater;
            for (var i = 0; i < logs.Length; i++)
            {
                var (head, token) = Math.DivRem(i, picture.Count);
                sums[head][token] += Math.Exp(logs[i]) / _weights[position - firstPosition - picture.Numbers[token]];
            }
        }

        return sums;
    }
}
