using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>A method that chooses once, by what the CLS token attends to in one layer of the encoder or several, averaged over heads.</summary>
internal abstract class ClassAttentionReduction : TokenReduction
{
    private readonly int[] _layers;
    private readonly HeadMeans _means;
    private readonly Dictionary<int, float[]> _attention = [];

    /// <exception cref="InputException">As of <see cref="TokenReduction"/>; or the encoder has no CLS token.</exception>
    protected ClassAttentionReduction(EncoderStage stage, string name, int keep, params int[] layers)
        : base(stage, name, keep)
    {
        if (!stage.HasClass) throw new InputException($"{name} goes by the attention of a CLS token, and this model's encoder has none");
        _layers = layers;
        _means = new HeadMeans(stage.Backend, stage.Heads, stage.Heads, stage.Sequences.Rows);
    }

    public override AttentionExport? Request(int layer) => _layers.Contains(layer) ? _means.Export(Stage.Sequences.Rows) : null;

    public override void Observe(int layer, in EncoderLayer seen) => _attention[layer] = _means.Of(_means.Export(Stage.Sequences.Rows).LogProbabilities);

    public override void Dispose()
    {
        _means.Dispose();
        base.Dispose();
    }

    /// <summary>[patches]: the attention to each patch of a picture, the share of the CLS token itself left out and nothing scaled up for it.</summary>
    /// <exception cref="ComputationException">One is not a number.</exception>
    protected float[] Attention(int layer, int sequence)
    {
        var (start, length) = (Stage.Sequences.Start(sequence), Stage.Sequences.Length(sequence));
        var patches = _attention[layer][(start + 1)..(start + length)];
        Ranking.Check(patches, $"encoder layer {layer}, picture {sequence}");
        return patches;
    }
}
