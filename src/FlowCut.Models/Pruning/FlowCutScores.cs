using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>What FlowCut keeps on the device while it goes through the layers: what attention wrote down, the layer's scores, the running score.</summary>
internal sealed class FlowCutScores : IDisposable
{
    private readonly FlowCutOptions _options;
    private readonly EncoderStage _stage;
    private readonly Criteria _criteria;
    private readonly DeviceBuffer _exports, _scores;
    private readonly int _capacity;
    private int _cumulative = 3, _cumulativeSpare = 4;
    private bool _scored;

    public FlowCutScores(FlowCutOptions options, FlowCutPlan plan, EncoderStage stage)
    {
        _options = options;
        _criteria = plan.Criteria;
        _stage = stage;
        _capacity = stage.Sequences.Rows;
        _exports = stage.Backend.Allocate((2L * stage.Heads + 2) * _capacity + stage.Sequences.Count, Precision.Single);
        _scores = stage.Backend.Allocate(5L * _capacity, Precision.Single);
    }

    /// <summary>What attention over so many key rows is to write down.</summary>
    public AttentionExport Export(int rows)
    {
        var heads = _stage.Heads;
        return new AttentionExport
        {
            LogProbabilities = new Tensor(_exports, 0, heads, rows, rows),
            ValueProducts = new Tensor(_exports, (long)heads * _capacity, heads, rows, rows),
            ValueDensity = new Tensor(_exports, 2L * heads * _capacity, 1, rows, rows),
            ValueSquaredNorms = new Tensor(_exports, (2L * heads + 1) * _capacity, 1, rows, rows),
            GlobalSquaredNorms = _stage.HasClass ? null : new Tensor(_exports, (2L * heads + 2) * _capacity, 1, _stage.Sequences.Count, _stage.Sequences.Count),
        };
    }

    /// <summary>a, s, I and S of a layer: [1, rows] each.</summary>
    public Tensor Attention(int rows) => Row(0, rows);

    public Tensor Semantic(int rows) => Row(1, rows);

    public Tensor Score(int rows) => Row(2, rows);

    public Tensor Cumulative(int rows) => Row(_cumulative, rows);

    /// <summary>Where a selection writes S of the rows that stay, before <see cref="TakeSpare"/>.</summary>
    public Tensor CumulativeSpare(int rows) => Row(_cumulativeSpare, rows);

    public void TakeSpare() => (_cumulative, _cumulativeSpare) = (_cumulativeSpare, _cumulative);

    /// <summary>The scores of the next layer.</summary>
    public FlowScoreArguments Arguments(AttentionExport export, Sequences keys, HostValues? entropyRatios)
    {
        var rows = keys.Rows;
        // S begins as the first scored layer's I
        var first = !_scored;
        _scored = true;
        return new FlowScoreArguments
        {
            Export = export,
            Keys = keys,
            Heads = _stage.Heads,
            HeadSize = _stage.HeadSize,
            HasClass = _stage.HasClass,
            Criteria = _criteria,
            Semantic = _options.Semantic,
            AttentionOverPatches = _options.AttentionOverPatches,
            EmaWeight = first ? null : _options.EmaWeight,
            AttentionScores = Attention(rows),
            SemanticScores = Semantic(rows),
            Scores = Score(rows),
            Cumulative = Cumulative(rows),
            EntropyRatios = entropyRatios,
        };
    }

    /// <summary>Before the first layer, in a run that is made again.</summary>
    public void Restart() => (_cumulative, _cumulativeSpare, _scored) = (3, 4, false);

    public void Dispose()
    {
        _exports.Dispose();
        _scores.Dispose();
    }

    private Tensor Row(int number, int columns) => new(_scores, (long)number * _capacity, 1, columns, columns);
}
