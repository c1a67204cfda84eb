using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut over one batch of pictures, crops or tiles. Scores stay on the device; the host learns only the entropy ratios, from which
/// it computes the counts. Kept rows are fetched once, at the end.
/// </summary>
internal sealed class FlowCutRun : ILayerPruning
{
    private readonly FlowCutOptions _options;
    private readonly FlowCutPlan _plan;
    private readonly EncoderStage _stage;
    private readonly Backend _backend;
    private readonly FlowCutScores _scores;
    private readonly HostValues _entropyRatios;
    private readonly int _capacity;
    private readonly IndexBuffer _rows;
    private readonly List<(int Layer, Sequences Before, RowSelection Kept)> _selections = [];
    private Sequences _alive;
    private AttentionExport? _export;
    private int _eventNumber;

    public FlowCutRun(FlowCutOptions options, FlowCutPlan plan, EncoderStage stage)
    {
        _options = options;
        _plan = plan;
        _stage = stage;
        _backend = stage.Backend;
        _alive = stage.Sequences;
        _capacity = stage.Sequences.Rows;
        _scores = new FlowCutScores(options, plan, stage);
        _entropyRatios = _backend.AllocateHostValues(stage.Sequences.Count);
        _rows = _backend.AllocateIndices(checked(plan.Events * _capacity));
    }

    public AttentionExport? Request(int layer) =>
        _export = layer <= _stage.LastPruningLayer && AnyAboveTarget() ? _scores.Export(_alive.Rows) : null;

    public void Observe(int layer, in EncoderLayer seen)
    {
        var arguments = _scores.Arguments(_export!, _alive, _entropyRatios);
        _backend.FlowScore(arguments);
        for (var i = 0; i < _alive.Count; i++)
        {
            if (!IsScored(i)) continue;
            var record = new LayerRecord { Layer = layer, Alive = _alive.Length(i) - ClassRows };
            if (_stage.RecordScores)
            {
                record.Attention = Fetch(arguments.AttentionScores, i);
                if (_plan.Criteria.HasFlag(Criteria.Semantic)) record.Semantic = Fetch(arguments.SemanticScores, i);
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
        for (var i = 0; i < _alive.Count; i++) after[i + 1] = after[i] + _plan.Rows(kept[i], _stage.HasClass);
        if (after[^1] == _alive.Rows) return null;

        var start = _selections.Count * _capacity;
        var cumulative = _scores.Cumulative(_alive.Rows);
        for (var i = 0; i < _alive.Count; i++) Select(cumulative, i, kept[i], start + after[i]);
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
        if (_selections.Count > 0)
        {
            var all = new int[_selections.Count * _capacity];
            _backend.Download(_rows, all);
            foreach (var (layer, before, kept) in _selections)
            {
                var rows = all.AsSpan(kept.Rows.Start, kept.Rows.Length);
                for (var picture = 0; picture < before.Count; picture++)
                {
                    var survivors = rows.Slice(kept.Sequences.Start(picture) + ClassRows, kept.Sequences.Length(picture) - ClassRows);
                    AddSelection(_stage.Records[picture], layer, survivors, before.Start(picture) + ClassRows, _plan.Group);
                }
            }
        }

        foreach (var record in _stage.Records) record.SortScores();
    }

    /// <summary>Notes what an event kept of one picture: rows of the layer's output, of which <paramref name="firstPatch"/> was its first patch.</summary>
    public static void AddSelection(PruningRecord record, int layer, ReadOnlySpan<int> survivors, int firstPatch, int group)
    {
        var among = new int[survivors.Length];
        for (var i = 0; i < among.Length; i++) among[i] = survivors[i] - firstPatch;
        record.Keep(layer, among, group);
    }

    public static ComputationException NotANumber(int layer, int picture) =>
        new($"encoder layer {layer}: a pruning score of picture {picture} is not a number; the weights or the activations hold NaN or infinity");

    public void Dispose()
    {
        _scores.Dispose();
        _entropyRatios.Dispose();
        _rows.Dispose();
    }

    /// <summary>Rows in front of a sequence's patches.</summary>
    private int ClassRows => _stage.HasClass ? 1 : 0;

    /// <summary>Writes the rows of a sequence that stay.</summary>
    private void Select(Tensor cumulative, int sequence, int kept, int destination)
    {
        var (start, length) = (_alive.Start(sequence), _alive.Length(sequence));
        if (_plan.Group == 1)
        {
            // the CLS token's running score is +∞, so that a selection of one row more always holds it
            _backend.SelectTop(cumulative.SliceColumns(start, length), 1, kept + ClassRows, start, _rows, destination);
            return;
        }

        if (_stage.HasClass) _backend.SelectTop(cumulative.SliceColumns(start, 1), 1, 1, start, _rows, destination);
        _backend.SelectTop(
            cumulative.SliceColumns(start + ClassRows, length - ClassRows), _plan.Group, kept, start + ClassRows, _rows, destination + ClassRows);
    }

    private int Units(int sequence) => _plan.Units(_alive.Length(sequence), _stage.HasClass);

    /// <summary>Units that each picture keeps at this event.</summary>
    private int[] Counts(int remaining)
    {
        var kept = new int[_alive.Count];
        var shared = int.MaxValue;
        for (var i = 0; i < kept.Length; i++)
        {
            var alive = Units(i);
            kept[i] = alive <= _plan.Target ? alive : _options.Schedule.KeptAfter(new PruningEvent(
                _eventNumber, _plan.Events, remaining, _stage.Records[i].Patches / _plan.Group, alive, _plan.Target, _entropyRatios.Read(i)));
            shared = Math.Min(shared, kept[i]);
        }

        // All pictures of a shared run are alive in equal numbers, so the largest drop is the smallest rest.
        if (_plan.SharesCount) Array.Fill(kept, shared);
        return kept;
    }

    private bool IsScored(int sequence) => Units(sequence) > _plan.Target;

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
        var values = new float[_alive.Length(sequence) - ClassRows];
        _backend.Download(row.SliceColumns(_alive.Start(sequence) + ClassRows, values.Length), values);
        return values;
    }
}
