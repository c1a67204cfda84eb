namespace FlowCut.Models.Pruning;

/// <summary>Visual tokens by what the last prompt token attends to, averaged over heads: FastV, PyramidDrop, VScan.</summary>
internal sealed class LastRowRun(DecoderStage stage, IReadOnlyList<DecoderDrop> drops, bool byNext) : DecoderRun(stage, drops, byNext)
{
    private readonly QueryAttention _attention = new(stage);

    public override void Observe(int number, in DecoderLayer layer)
    {
        var row = _attention.Row(layer, 0);
        foreach (var picture in Pictures) picture.Scores = _attention.Means.Of(row.SliceColumns(picture.Start, picture.Count));
    }

    public override void Dispose()
    {
        _attention.Dispose();
        base.Dispose();
    }
}
