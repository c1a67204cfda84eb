using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut without the host: the device makes the counts and keeps them, and what is queued for a layer is as large as the
/// sequences can be there. Entropy ratios, counts and kept rows are fetched once, at the end.
/// </summary>
internal sealed class FlowCutRecordedRun : IRecordedPruning
{
    private readonly FlowCutOptions _options;
    private readonly FlowCutPlan _plan;
    private readonly EncoderStage _stage;
    private readonly IDeviceCounts _device;
    private readonly FlowCutScores _scores;
    private readonly Tensor _entropyRatios;
    private readonly int _pictures, _capacity;
    private readonly IndexBuffer _rows, _offsets;
    private readonly List<Layer> _layers = [];
    private Sequences _alive;
    private AttentionExport? _export;
    private int _eventNumber;

    /// <param name="options">What decides.</param>
    /// <param name="plan">What it comes to: single patches behind a CLS token.</param>
    /// <param name="stage">The encoder; its sequences are equally long.</param>
    /// <param name="device">Makes the counts.</param>
    public FlowCutRecordedRun(FlowCutOptions options, FlowCutPlan plan, EncoderStage stage, IDeviceCounts device)
    {
        (_options, _plan, _stage, _device) = (options, plan, stage, device);
        (_pictures, _capacity) = (stage.Sequences.Count, stage.Sequences.Rows);
        _scores = new FlowCutScores(options, plan, stage);
        _entropyRatios = stage.Backend.Allocate(stage.LayersRun, _pictures, Precision.Single);
        _rows = stage.Backend.AllocateIndices(checked(plan.Events * _capacity));
        _offsets = stage.Backend.AllocateIndices(checked((plan.Events + 1) * (_pictures + 1)));
        stage.Backend.Upload(stage.Sequences.Offsets, _offsets);
        Sequences = Sequences.AtMost(stage.Sequences.Offsets, OffsetsAfter(0));
        _alive = Sequences;
    }

    public Sequences Sequences { get; }

    /// <summary>The most that a picture has: equal for all, which begin equally large.</summary>
    private int AlivePatches => _alive.Length(0) - 1;

    public void Restart()
    {
        _scores.Restart();
        _layers.Clear();
        (_alive, _eventNumber) = (Sequences, 0);
    }

    public AttentionExport? Request(int layer) =>
        _export = layer <= _stage.LastPruningLayer && AlivePatches > _plan.Target ? _scores.Export(_alive.Rows) : null;

    public void Observe(int layer, in EncoderLayer seen)
    {
        _device.FlowScore(_scores.Arguments(_export!, _alive, null), RatiosOf(layer));
        _layers.Add(new Layer(layer, 0));
    }

    public RowSelection? Prune(int layer)
    {
        var remaining = _stage.LastPruningLayer - layer;
        if (_export is null || !_options.Schedule.IsEvent(layer, remaining, _options.PruneEvery)) return null;
        _eventNumber++;
        var adaptive = _options.Schedule.NeedsEntropy(remaining);
        var most = adaptive ? AlivePatches : _options.Schedule.KeptAfter(new PruningEvent(
            _eventNumber, _plan.Events, remaining, _stage.Sequences.Length(0) - 1, AlivePatches, _plan.Target, double.NaN));
        // nothing is dropped by a count that is known to drop nothing
        if (!adaptive && most == AlivePatches) return null;

        var rows = new IndexView(_rows, (_eventNumber - 1) * _capacity, _alive.Rows);
        _device.FlowSelect(new FlowSelectArguments
        {
            Cumulative = _scores.Cumulative(_alive.Rows),
            Keys = _alive,
            EntropyRatios = adaptive ? RatiosOf(layer) : null,
            Keep = adaptive ? _plan.Target : most,
            Remaining = remaining,
            SharedCount = _plan.SharesCount,
            Rows = rows,
            NewOffsets = OffsetsAfter(_eventNumber),
            NewCumulative = _scores.CumulativeSpare(_alive.Rows),
        });
        _scores.TakeSpare();
        _layers[^1] = new Layer(layer, _eventNumber);
        _alive = Sequences.AtMost(Sequences.Uniform(_pictures, most + 1).Offsets, OffsetsAfter(_eventNumber));
        return new RowSelection(rows.Slice(0, _alive.Rows), _alive);
    }

    public void Finish() => throw new NotSupportedException("A recorded run is completed for each repetition.");

    public void Complete(PruningRecord[] records)
    {
        var rows = new int[_rows.Capacity];
        var offsets = new int[_offsets.Capacity];
        var ratios = new float[_entropyRatios.Rows * _pictures];
        _stage.Backend.Download(_rows, rows);
        _stage.Backend.Download(_offsets, offsets);
        _stage.Backend.Download(_entropyRatios, ratios);
        var before = offsets.AsSpan(0, _pictures + 1);
        foreach (var (layer, number) in _layers)
        {
            for (var picture = 0; picture < _pictures; picture++)
            {
                var alive = before[picture + 1] - before[picture] - 1;
                if (alive <= _plan.Target) continue;
                var ratio = ratios[layer * _pictures + picture];
                if (float.IsNaN(ratio)) throw FlowCutRun.NotANumber(layer, picture);
                records[picture].Layers.Add(new LayerRecord { Layer = layer, Alive = alive, EntropyRatio = ratio });
            }

            if (number == 0) continue;
            var after = offsets.AsSpan(number * (_pictures + 1), _pictures + 1);
            for (var picture = 0; picture < _pictures; picture++)
            {
                var survivors = rows.AsSpan((number - 1) * _capacity + after[picture] + 1, after[picture + 1] - after[picture] - 1);
                FlowCutRun.AddSelection(records[picture], layer, survivors, before[picture] + 1, group: 1);
            }

            before = after;
        }
    }

    public void Dispose()
    {
        _scores.Dispose();
        _entropyRatios.Buffer.Dispose();
        _rows.Dispose();
        _offsets.Dispose();
    }

    private Tensor RatiosOf(int layer) => _entropyRatios.SliceRows(layer, 1);

    private IndexView OffsetsAfter(int number) => new(_offsets, number * (_pictures + 1), _pictures + 1);

    /// <param name="Number">Its index.</param>
    /// <param name="Event">The pruning event after it, from 1; 0: none.</param>
    private readonly record struct Layer(int Number, int Event);
}
