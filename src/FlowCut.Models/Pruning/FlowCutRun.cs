using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut over one batch of pictures. Scores stay on the device; the host learns only the entropy ratios, from which
/// it computes the counts. Kept rows are fetched once, at the end.
/// </summary>
internal sealed class FlowCutRun : ILayerPruning
{
    private readonly FlowCutOptions _options;
    private readonly EncoderStage _stage;
    private readonly Backend _backend;
    private readonly DeviceBuffer _exports, _scores;
    private readonly HostValues _entropyRatios;
    private readonly int _events, _capacity;
    private readonly IndexBuffer[] _rows;
    private readonly List<(int Layer, Sequences Before, RowSelection Kept)> _selections = [];
    private Sequences _alive;
    private Tensor _cumulative, _cumulativeSpare;
    private AttentionExport? _export;
    private int _eventNumber;
    private bool _scored;

    public FlowCutRun(FlowCutOptions options, EncoderStage stage, int events)
    {
        _options = options;
        _stage = stage;
        _backend = stage.Backend;
        _events = events;
        _alive = stage.Sequences;
        _capacity = stage.Sequences.Rows;
        _exports = _backend.Allocate((2L * stage.Heads + 2) * _capacity, Precision.Single);
        _scores = _backend.Allocate(5L * _capacity, Precision.Single);
        _entropyRatios = _backend.AllocateHostValues(stage.Sequences.Count);
        _rows = new IndexBuffer[events];
        for (var i = 0; i < events; i++) _rows[i] = _backend.AllocateIndices(_capacity);
        _cumulative = ScoreRow(3, _capacity);
        _cumulativeSpare = ScoreRow(4, _capacity);
    }

    public AttentionExport? Request(int layer)
    {
        _export = null;
        if (layer > _stage.LastPruningLayer || !AnyAboveTarget()) return null;
        int rows = _alive.Rows, heads = _stage.Heads;
        return _export = new AttentionExport
        {
            LogProbabilities = new Tensor(_exports, 0, heads, rows, rows),
            ValueProducts = new Tensor(_exports, (long)heads * _capacity, heads, rows, rows),
            ValueDensity = new Tensor(_exports, 2L * heads * _capacity, 1, rows, rows),
            ValueSquaredNorms = new Tensor(_exports, (2L * heads + 1) * _capacity, 1, rows, rows),
        };
    }

    public void Observe(int layer)
    {
        var rows = _alive.Rows;
        Tensor attention = ScoreRow(0, rows), semantic = ScoreRow(1, rows), score = ScoreRow(2, rows);
        var cumulative = _cumulative with { Columns = rows };
        _backend.FlowScore(new FlowScoreArguments
        {
            Export = _export!,
            Keys = _alive,
            Heads = _stage.Heads,
            HeadSize = _stage.HeadSize,
            Criteria = _options.Criteria,
            Semantic = _options.Semantic,
            AttentionOverPatches = _options.AttentionOverPatches,
            EmaWeight = _scored ? _options.EmaWeight : null,
            AttentionScores = attention,
            SemanticScores = semantic,
            Scores = score,
            Cumulative = cumulative,
            EntropyRatios = _entropyRatios,
        });
        _scored = true;
        for (var i = 0; i < _alive.Count; i++)
        {
            if (!IsScored(i)) continue;
            var record = new LayerRecord { Layer = layer, Alive = _alive.Length(i) - 1 };
            if (_stage.RecordScores)
            {
                record.Attention = Fetch(attention, i);
                record.Semantic = Fetch(semantic, i);
                record.Density = Fetch(_export!.ValueDensity, i);
                record.Score = Fetch(score, i);
                record.Cumulative = Fetch(cumulative, i);
            }

            _stage.Records[i].Layers.Add(record);
        }
    }

    public RowSelection? Prune(int layer)
    {
        if (_export is null) return null;
        for (var i = 0; i < _alive.Count; i++)
        {
            if (!IsScored(i)) continue;
            var h = _entropyRatios.Read(i);
            if (double.IsNaN(h))
                throw new ComputationException($"encoder layer {layer}: a pruning score of picture {i} is not a number; the weights or the activations hold NaN or infinity");
            _stage.Records[i].Layers[^1].EntropyRatio = h;
        }

        var remaining = _stage.LastPruningLayer - layer;
        if (!_options.Schedule.IsEvent(layer, remaining, _options.PruneEvery)) return null;
        _eventNumber++;
        var kept = Counts(remaining);
        var after = new int[_alive.Count + 1];
        for (var i = 0; i < _alive.Count; i++) after[i + 1] = after[i] + kept[i] + 1;
        if (after[^1] == _alive.Rows) return null;

        var rows = _rows[_selections.Count];
        // The CLS token's running score is +∞, so the selection of kept + 1 rows always holds it.
        for (var i = 0; i < _alive.Count; i++)
            _backend.SelectTop(_cumulative.SliceColumns(_alive.Start(i), _alive.Length(i)), kept[i] + 1, _alive.Start(i), rows, after[i]);
        _backend.GatherRows(AsColumn(_cumulative, _alive.Rows), rows, AsColumn(_cumulativeSpare, after[^1]));
        (_cumulative, _cumulativeSpare) = (_cumulativeSpare, _cumulative);

        var selection = new RowSelection(rows, new Sequences(after));
        _selections.Add((layer, _alive, selection));
        _alive = selection.Sequences;
        return selection;
    }

    public void Finish()
    {
        foreach (var (layer, before, kept) in _selections)
        {
            var rows = new int[kept.Sequences.Rows];
            _backend.Download(kept.Rows, rows);
            for (var picture = 0; picture < before.Count; picture++)
            {
                var record = _stage.Records[picture];
                int start = kept.Sequences.Start(picture) + 1, count = kept.Sequences.Length(picture) - 1;
                if (count == record.Kept.Length) continue;
                // row numbers of the layer's output, CLS first, to patch numbers
                var numbers = new int[count];
                for (var i = 0; i < count; i++) numbers[i] = record.Kept[rows[start + i] - before.Start(picture) - 1];
                record.Kept = numbers;
                record.Layers.Find(l => l.Layer == layer)!.Kept = numbers;
            }
        }
    }

    public void Dispose()
    {
        _exports.Dispose();
        _scores.Dispose();
        _entropyRatios.Dispose();
        foreach (var rows in _rows) rows.Dispose();
    }

    /// <summary>Patches that each picture keeps at this event.</summary>
    private int[] Counts(int remaining)
    {
        var kept = new int[_alive.Count];
        var shared = int.MaxValue;
        for (var i = 0; i < kept.Length; i++)
        {
            var alive = _alive.Length(i) - 1;
            kept[i] = alive <= _options.Keep ? alive : _options.Schedule.KeptAfter(new PruningEvent(
                _eventNumber, _events, remaining, _stage.Records[i].Patches, alive, _options.Keep, _entropyRatios.Read(i)));
            shared = Math.Min(shared, kept[i]);
        }

        // All pictures of a shared run are alive in equal numbers, so the largest drop is the smallest rest.
        if (_options.Count == CountPolicy.Shared) Array.Fill(kept, shared);
        return kept;
    }

    private bool IsScored(int sequence) => _alive.Length(sequence) - 1 > _options.Keep;

    private bool AnyAboveTarget()
    {
        for (var i = 0; i < _alive.Count; i++)
        {
            if (IsScored(i)) return true;
        }

        return false;
    }

    private Tensor ScoreRow(int number, int columns) => new(_scores, (long)number * _capacity, 1, columns, columns);

    private static Tensor AsColumn(Tensor row, int rows) => row with { Rows = rows, Columns = 1, Stride = 1 };

    private float[] Fetch(Tensor row, int sequence)
    {
        var values = new float[_alive.Length(sequence) - 1];
        _backend.Download(row.SliceColumns(_alive.Start(sequence) + 1, values.Length), values);
        return values;
    }
}
