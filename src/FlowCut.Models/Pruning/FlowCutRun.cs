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
    private readonly FlowCutScores _scores;
    private readonly HostValues _entropyRatios;
    private readonly int _events, _capacity;
    private readonly IndexBuffer _rows;
    private readonly List<(int Layer, Sequences Before, RowSelection Kept)> _selections = [];
    private Sequences _alive;
    private AttentionExport? _export;
    private int _eventNumber;

    public FlowCutRun(FlowCutOptions options, EncoderStage stage, int events)
    {
        _options = options;
        _stage = stage;
        _backend = stage.Backend;
        _events = events;
        _alive = stage.Sequences;
        _capacity = stage.Sequences.Rows;
        _scores = new FlowCutScores(options, stage);
        _entropyRatios = _backend.AllocateHostValues(stage.Sequences.Count);
        _rows = _backend.AllocateIndices(checked(events * _capacity));
    }

    public AttentionExport? Request(int layer) =>
        _export = layer <= _stage.LastPruningLayer && AnyAboveTarget() ? _scores.Export(_alive.Rows) : null;

    public void Observe(int layer)
    {
        var arguments = _scores.Arguments(_export!, _alive, _entropyRatios);
        _backend.FlowScore(arguments);
        for (var i = 0; i < _alive.Count; i++)
        {
            if (!IsScored(i)) continue;
            var record = new LayerRecord { Layer = layer, Alive = _alive.Length(i) - 1 };
            if (_stage.RecordScores)
            {
                record.Attention = Fetch(arguments.AttentionScores, i);
                record.Semantic = Fetch(arguments.SemanticScores, i);
                record.Density = Fetch(_export!.ValueDensity, i);
                record.Score = Fetch(arguments.Scores, i);
                record.Cumulative = Fetch(arguments.Cumulative, i);
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
            if (double.IsNaN(h)) throw NotANumber(layer, i);
            _stage.Records[i].Layers[^1].EntropyRatio = h;
        }

        var remaining = _stage.LastPruningLayer - layer;
        if (!_options.Schedule.IsEvent(layer, remaining, _options.PruneEvery)) return null;
        _eventNumber++;
        var kept = Counts(remaining);
        var after = new int[_alive.Count + 1];
        for (var i = 0; i < _alive.Count; i++) after[i + 1] = after[i] + kept[i] + 1;
        if (after[^1] == _alive.Rows) return null;

        var start = _selections.Count * _capacity;
        var cumulative = _scores.Cumulative(_alive.Rows);
        // The CLS token's running score is +∞, so the selection of kept + 1 rows always holds it.
        for (var i = 0; i < _alive.Count; i++)
            _backend.SelectTop(cumulative.SliceColumns(_alive.Start(i), _alive.Length(i)), kept[i] + 1, _alive.Start(i), _rows, start + after[i]);
        var rows = new IndexView(_rows, start, after[^1]);
        _backend.GatherRows(AsColumn(cumulative), rows, AsColumn(_scores.CumulativeSpare(after[^1])));
        _scores.TakeSpare();

        var selection = new RowSelection(rows, new Sequences(after));
        _selections.Add((layer, _alive, selection));
        _alive = selection.Sequences;
        return selection;
    }

    public void Finish()
    {
        if (_selections.Count == 0) return;
        var all = new int[_selections.Count * _capacity];
        _backend.Download(_rows, all);
        foreach (var (layer, before, kept) in _selections)
        {
            var rows = all.AsSpan(kept.Rows.Start, kept.Rows.Length);
            for (var picture = 0; picture < before.Count; picture++)
            {
                var survivors = rows.Slice(kept.Sequences.Start(picture) + 1, kept.Sequences.Length(picture) - 1);
                AddSelection(_stage.Records[picture], layer, survivors, before.Start(picture) + 1);
            }
        }
    }

    /// <summary>Notes what an event kept of one picture: rows of the layer's output, of which <paramref name="firstPatch"/> was its first patch.</summary>
    public static void AddSelection(PruningRecord record, int layer, ReadOnlySpan<int> survivors, int firstPatch)
    {
        if (survivors.Length == record.Kept.Length) return;
        var numbers = new int[survivors.Length];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = record.Kept[survivors[i] - firstPatch];
        record.Kept = numbers;
        record.Layers.Find(l => l.Layer == layer)!.Kept = numbers;
    }

    public static ComputationException NotANumber(int layer, int picture) =>
        new($"encoder layer {layer}: a pruning score of picture {picture} is not a number; the weights or the activations hold NaN or infinity");

    public void Dispose()
    {
        _scores.Dispose();
        _entropyRatios.Dispose();
        _rows.Dispose();
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

    private static Tensor AsColumn(Tensor row) => row with { Rows = row.Columns, Columns = 1, Stride = 1 };

    private float[] Fetch(Tensor row, int sequence)
    {
        var values = new float[_alive.Length(sequence) - 1];
        _backend.Download(row.SliceColumns(_alive.Start(sequence) + 1, values.Length), values);
        return values;
    }
}
