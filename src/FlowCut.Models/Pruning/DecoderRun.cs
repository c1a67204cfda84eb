using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// A run of a method that drops visual tokens at some layers of the language model, by scores that it downloads: which rows are
/// alive, and what is written down. Every picture is pruned by itself; text stays.
/// </summary>
internal abstract class DecoderRun : IDecoderPruning
{
    private readonly IReadOnlyList<DecoderDrop> _drops;
    private readonly IndexBuffer _rows;

    /// <param name="stage">The language model and the prompt.</param>
    /// <param name="drops">In the order of their layers.</param>
    /// <param name="byNext">The attention of the layer behind a drop judges, and not that of the layer before it.</param>
    /// <exception cref="InputException">No text follows the pictures.</exception>
    protected DecoderRun(DecoderStage stage, IReadOnlyList<DecoderDrop> drops, bool byNext)
    {
        if (stage.TextRows == 0)
            throw new InputException("the language model cannot prune a prompt that ends with a picture: the text behind it judges what stays");
        (Stage, _drops) = (stage, drops);
        Pictures = [.. stage.Pictures.Select(p => new AlivePicture(p))];
        var text = stage.Rows - stage.Pictures.Sum(p => p.Count);
        Events = [.. drops.Select(d => new DecoderEvent(d.Layer, text + d.Kept.Sum() + d.Merged.Sum(), byNext))];
        _rows = stage.Backend.AllocateIndices(stage.Rows);
    }

    public IReadOnlyList<DecoderEvent> Events { get; }

    public virtual int QueryRows => 1;

    protected DecoderStage Stage { get; }

    protected IReadOnlyList<AlivePicture> Pictures { get; }

    public virtual void Start(Tensor inputs) { }

    /// <summary>Fills the scores of every picture.</summary>
    public abstract void Observe(int number, in DecoderLayer layer);

    public IndexView KeptRows(int number, Tensor hidden)
    {
        var drop = _drops[number];
        var rows = new List<int>(Events[number].Rows);
        var from = 0;
        for (var i = 0; i < Pictures.Count; i++)
        {
            var picture = Pictures[i];
            rows.AddRange(Enumerable.Range(from, picture.Start - from));
            from = picture.Start + picture.Count;
            var start = rows.Count;
            rows.AddRange(Keep(drop, i, hidden).Select(token => picture.Start + token));
            picture.Start = start;
        }

        rows.AddRange(Enumerable.Range(from, hidden.Rows - from));
        // text moves up
        for (var i = 0; i < Pictures.Count; i++) Pictures[i].Count = drop.Kept[i] + drop.Merged[i];
        Stage.Backend.Upload(rows.ToArray(), _rows);
        return new IndexView(_rows, 0, rows.Count);
    }

    public virtual void Merge(int number, Tensor hidden, Tensor kept) { }

    public void Finish() { }

    public virtual void Dispose() => _rows.Dispose();

    /// <summary>The alive tokens of a picture whose rows give the merged ones their positions, in the order of the merged ones.</summary>
    protected virtual int[] Merging(DecoderDrop drop, int picture, int[] kept, Tensor hidden) => [];

    /// <summary>The rows of a picture behind a drop, counted among its alive tokens; writes down which they are.</summary>
    private int[] Keep(DecoderDrop drop, int index, Tensor hidden)
    {
        var picture = Pictures[index];
        if (drop.Kept[index] == picture.Count) return [.. Enumerable.Range(0, picture.Count)];
        Ranking.Check(picture.Scores, $"language model layer {drop.Layer}");
        var kept = Ranking.Top(picture.Scores, drop.Kept[index]);
        var merging = Merging(drop, index, kept, hidden);
        int[] numbers = [.. kept.Select(token => picture.Numbers[token])];
        picture.Records.Add(new DecoderRecord
        {
            Layer = drop.Layer,
            Kept = numbers,
            Merged = merging.Length,
            Score = Stage.RecordScores ? picture.Scores : null,
        });
        picture.Numbers = [.. numbers, .. Enumerable.Range(picture.Made, merging.Length)];
        picture.Made += merging.Length;
        return [.. kept, .. merging];
    }

    /// <summary>The visual tokens of a picture that are alive.</summary>
    protected sealed class AlivePicture(VisualRows visual)
    {
        /// <summary>Row of the first among those that are alive.</summary>
        public int Start { get; set; } = visual.Start;

        public int Count { get; set; } = visual.Count;

        /// <summary>Which they are: counted among the tokens that entered, merged ones on from there.</summary>
        public int[] Numbers { get; set; } = [.. Enumerable.Range(0, visual.Count)];

        /// <summary>Tokens that entered or were made.</summary>
        public int Made { get; set; } = visual.Count;

        /// <summary>[alive]: the latest.</summary>
        public float[] Scores { get; set; } = [];

        public List<DecoderRecord> Records { get; } = visual.Records;
    }
}
