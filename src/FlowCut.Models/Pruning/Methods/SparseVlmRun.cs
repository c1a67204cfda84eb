using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning.Methods;

/// <summary>SparseVLM over one prompt: scores are means over raters and heads; of the dropped tokens the best are merged by clusters.</summary>
/// <param name="stage">The language model and the prompt.</param>
/// <param name="drops">In the order of their layers.</param>
/// <param name="noise">Of the densities, by layer; null: none.</param>
internal sealed class SparseVlmRun(DecoderStage stage, IReadOnlyList<DecoderDrop> drops, Func<int, float[]>? noise) : DecoderRun(stage, drops, byNext: false)
{
    private readonly QueryAttention _attention = new(stage);
    private readonly IReadOnlyList<DecoderDrop> _drops = drops;
    private readonly RowMix?[] _mixes = new RowMix?[stage.Pictures.Count];
    private int[][] _raters = [];

    public override int QueryRows => Stage.TextRows;

    /// <summary>The best of so many dropped tokens, which are recycled.</summary>
    public static int Recycled(int dropped) => 3 * dropped / 10 + 1;

    /// <summary>Tokens that so many dropped ones become.</summary>
    public static int Clusters(int dropped) => Recycled(dropped) / 10 + 1;

    public override void Start(Tensor inputs) => _raters = [.. Stage.Pictures.Select(p => TextRaters.Find(Stage, p, inputs))];

    public override void Observe(int number, in DecoderLayer layer)
    {
        for (var i = 0; i < Pictures.Count; i++)
        {
            var picture = Pictures[i];
            _attention.Means.Clear(picture.Count);
            foreach (var rater in _raters[i]) _attention.Means.Add(_attention.Row(layer, rater).SliceColumns(picture.Start, picture.Count), 1f / _raters[i].Length);
            picture.Scores = _attention.Means.Read(picture.Count);
        }
    }

    protected override int[] Merging(DecoderDrop drop, int picture, int[] kept, Tensor hidden)
    {
        var alive = Pictures[picture];
        var dropped = alive.Count - kept.Length;
        int[] recycled = [.. Ranking.Descending(alive.Scores).Except(kept).Take(Recycled(dropped))];
        var clusters = DensityPeaks.Find(TokenPairs.Distances(Stage.Backend, hidden, Array.ConvertAll(recycled, token => alive.Start + token)), Clusters(dropped), noise?.Invoke(drop.Layer));
        var mix = new RowMix();
        for (var c = 0; c < clusters.Centres.Length; c++)
        {
            int[] members = [.. recycled.Where((_, i) => clusters.Assignment[i] == c)];
            // not quite the mean, as released
            foreach (var member in members) mix.Add(alive.Start + member, 1 / (members.Length + 1e-6f));
            mix.EndRow();
        }

        _mixes[picture] = mix;
        Write(drop.Layer, alive, recycled, clusters);
        return Array.ConvertAll(clusters.Centres, centre => recycled[centre]);
    }

    public override void Merge(int number, Tensor hidden, Tensor kept)
    {
        for (var i = 0; i < Pictures.Count; i++)
        {
            if (_mixes[i] is not { } mix) continue;
            Stage.Backend.MixRows(hidden, mix, kept.SliceRows(Pictures[i].Start + _drops[number].Kept[i], mix.Rows));
            _mixes[i] = null;
        }
    }

    public override void Dispose()
    {
        _attention.Dispose();
        base.Dispose();
    }

    private void Write(int layer, AlivePicture picture, int[] recycled, DensityPeaks.Clusters clusters)
    {
        if (Stage.Trace is not { } trace) return;
        var name = $"layer.{layer}.";
        trace.Add(name + "recycled_indices", Array.ConvertAll(recycled, token => picture.Numbers[token]));
        trace.Add(name + "density", clusters.Densities);
        trace.Add(name + "delta", clusters.Deltas);
        trace.Add(name + "cluster_centres", clusters.Centres);
        trace.Add(name + "cluster_assignment", clusters.Assignment);
    }
}
