using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>The stage over one prompt. Every picture is pruned by itself; text stays.</summary>
internal sealed class LanguageStageRun : IDecoderPruning
{
    private readonly LanguageStage _options;
    private readonly DecoderStage _stage;
    private readonly Tensor _query, _value;
    private readonly DeviceBuffer _exports, _scores;
    private readonly HostValues _entropyRatios;
    private readonly IndexBuffer _rows;
    private readonly int _capacity, _kept;

    /// <param name="options">How many, where.</param>
    /// <param name="stage">The language model and the prompt, of which a picture has more tokens than stay.</param>
    public LanguageStageRun(LanguageStage options, DecoderStage stage)
    {
        (_options, _stage) = (options, stage);
        _capacity = stage.Pictures.Max(p => p.Count);
        _kept = stage.Rows - stage.Pictures.Sum(p => Math.Max(0, p.Count - options.Keep));
        Events = [new DecoderEvent(options.Layer, _kept)];
        var backend = stage.Backend;
        _query = backend.Allocate(1, stage.Heads * stage.HeadSize, Precision.Single);
        _value = backend.Allocate(1, stage.KeyValueHeads * stage.HeadSize, Precision.Single);
        _exports = backend.Allocate((long)(stage.Heads + stage.KeyValueHeads + 2) * _capacity, Precision.Single);
        // a, s, I and S of each picture in turn
        _scores = backend.Allocate(4L * stage.Rows, Precision.Single);
        _entropyRatios = backend.AllocateHostValues(1);
        _rows = backend.AllocateIndices(_kept);
    }

    public IReadOnlyList<DecoderEvent> Events { get; }

    public void Observe(int number, in DecoderLayer layer)
    {
        _stage.Backend.Copy(layer.Queries, _query);
        _stage.Backend.Copy(layer.Values.SliceRows(layer.Values.Rows - 1, 1), _value);
        foreach (var picture in _stage.Pictures)
        {
            if (picture.Count > _options.Keep) Score(picture, layer);
        }
    }

    public IndexView KeptRows(int number, Tensor hidden)
    {
        var rows = new int[_stage.Rows];
        for (var i = 0; i < rows.Length; i++) rows[i] = i;
        int from = 0, to = 0;
        foreach (var picture in _stage.Pictures)
        {
            if (picture.Count <= _options.Keep) continue;
            Upload(picture.Start);
            var scores = Row(3, picture);
            _stage.Backend.SelectTop(scores, 1, _options.Keep, picture.Start, _rows, to);
            from = picture.Start + picture.Count;
            to += _options.Keep;
        }

        Upload(_stage.Rows);
        return new IndexView(_rows, 0, _kept);

        void Upload(int end)
        {
            _stage.Backend.Upload(rows.AsSpan(from, end - from), _rows, to);
            to += end - from;
        }
    }

    public void Finish()
    {
        var rows = new int[_kept];
        _stage.Backend.Download(_rows, rows);
        var to = 0;
        var from = 0;
        foreach (var picture in _stage.Pictures)
        {
            to += picture.Start - from;
            from = picture.Start + picture.Count;
            var kept = Math.Min(picture.Count, _options.Keep);
            if (kept < picture.Count) Record(picture, rows.AsSpan(to, kept));
            to += kept;
        }
    }

    public void Dispose()
    {
        _query.Buffer.Dispose();
        _value.Buffer.Dispose();
        _exports.Dispose();
        _scores.Dispose();
        _entropyRatios.Dispose();
        _rows.Dispose();
    }

    private void Score(VisualRows picture, in DecoderLayer layer)
    {
        var count = picture.Count;
        var keys = new Sequences(0, count);
        int heads = _stage.Heads, valueHeads = _stage.KeyValueHeads;
        var export = new AttentionExport
        {
            LogProbabilities = new Tensor(_exports, 0, heads, count, count),
            ValueProducts = new Tensor(_exports, (long)heads * _capacity, valueHeads, count, count),
            ValueDensity = new Tensor(_exports, (long)(heads + valueHeads) * _capacity, 1, count, count),
            ValueSquaredNorms = new Tensor(_exports, (long)(heads + valueHeads + 1) * _capacity, 1, count, count),
        };
        _stage.Backend.AttentionRow(new AttentionRowArguments
        {
            Query = _query,
            GlobalValue = _value,
            Key = layer.Keys.SliceRows(picture.Start, count),
            Value = layer.Values.SliceRows(picture.Start, count),
            Keys = keys,
            Heads = heads,
            KeyValueHeads = valueHeads,
            HeadSize = _stage.HeadSize,
            Scale = 1 / MathF.Sqrt(_stage.HeadSize),
            Export = export,
        });
        var arguments = new FlowScoreArguments
        {
            Export = export,
            Keys = keys,
            Heads = heads,
            HeadSize = _stage.HeadSize,
            HasClass = false,
            Criteria = Criteria.All,
            Semantic = SemanticCriterion.ScaledValueSoftmax,
            AttentionOverPatches = false,
            EmaWeight = null,
            AttentionScores = Row(0, picture),
            SemanticScores = Row(1, picture),
            Scores = Row(2, picture),
            Cumulative = Row(3, picture),
            EntropyRatios = _entropyRatios,
        };
        _stage.Backend.FlowScore(arguments);
        if (!_stage.RecordScores) return;
        picture.Records.Add(new DecoderRecord
        {
            Layer = _options.Layer,
            Attention = Fetch(arguments.AttentionScores),
            Semantic = Fetch(arguments.SemanticScores),
            Density = Fetch(export.ValueDensity),
            Score = Fetch(arguments.Scores),
        });
    }

    private void Record(VisualRows picture, ReadOnlySpan<int> rows)
    {
        var record = picture.Records.Find(r => r.Layer == _options.Layer);
        if (record is null) picture.Records.Add(record = new DecoderRecord { Layer = _options.Layer });
        var scores = Row(2, picture);
        if (Fetch(scores).Any(float.IsNaN))
            throw new ComputationException($"language model layer {_options.Layer}: a pruning score is not a number; the weights or the activations hold NaN or infinity");
        record.Kept = new int[rows.Length];
        for (var i = 0; i < rows.Length; i++) record.Kept[i] = rows[i] - picture.Start;
    }

    private Tensor Row(int number, VisualRows picture) => new(_scores, (long)number * _stage.Rows + picture.Start, 1, picture.Count, picture.Count);

    private float[] Fetch(Tensor row)
    {
        var values = new float[row.Columns];
        _stage.Backend.Download(row, values);
        return values;
    }
}
