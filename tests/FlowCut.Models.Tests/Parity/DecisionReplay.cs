using System.Runtime.InteropServices;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// The decisions of one pruned run, made again by the double-precision reference: how many patches each event keeps, and which.
/// Where the reference's own margin is smaller than what fp32 may be off, either decision is right; those are counted apart.
/// After every event the replay goes on with what the run kept.
/// </summary>
internal sealed class DecisionReplay
{
    /// <summary>Of a row's largest value: what the goldens' README allows fp32 scores, the entropy ratio as it is.</summary>
    private const double ScoreError = 2e-5, ProbabilityError = 5e-5, RatioError = 1e-5;

    private readonly IReadOnlyDictionary<string, TensorData> _trace;
    private readonly FlowCutOptions _options;
    private readonly int _lastPruningLayer;
    private readonly List<string> _differences = [];
    private int[] _alive;
    private double[]? _cumulative;

    private DecisionReplay(IReadOnlyDictionary<string, TensorData> trace, FlowCutOptions options, int patches, int lastPruningLayer)
    {
        _trace = trace;
        _options = options;
        _lastPruningLayer = lastPruningLayer;
        _alive = [.. Enumerable.Range(0, patches)];
    }

    /// <summary>Counts and selections that had to be equal.</summary>
    public int Checked { get; private set; }

    /// <summary>Counts and selections that the reference itself leaves open.</summary>
    public int TooClose { get; private set; }

    /// <summary>What the run decided, or scored, differently.</summary>
    public IReadOnlyList<string> Differences => _differences;

    /// <summary>From the a, s and d that the device recorded.</summary>
    public static DecisionReplay FromScores(IReadOnlyDictionary<string, TensorData> trace, FlowCutOptions options, int patches, int lastPruningLayer)
    {
        var replay = new DecisionReplay(trace, options, patches, lastPruningLayer);
        replay.Run(layer => (replay.Row(layer, "cls_attention"), replay.Row(layer, "semantic"), replay.Row(layer, "density")));
        return replay;
    }

    /// <summary>From what attention read.</summary>
    public static DecisionReplay FromInputs(IReadOnlyDictionary<string, TensorData> trace, IReadOnlyList<LayerInputs> layers, FlowCutOptions options, int patches, int lastPruningLayer)
    {
        var replay = new DecisionReplay(trace, options, patches, lastPruningLayer);
        replay.Run(layer => (
            FlowReference.Attention(layers[layer].ClassQuery, layers[layer].Keys, options.AttentionOverPatches),
            FlowReference.Semantic(layers[layer].Values, options.Semantic),
            FlowReference.Density(layers[layer].Values)));
        return replay;
    }

    private void Run(Func<int, (double[] Attention, double[] Semantic, double[] Density)> criteria)
    {
        for (var layer = 0; layer <= _lastPruningLayer && _alive.Length > _options.Keep; layer++)
        {
            var (a, s, d) = criteria(layer);
            var score = FlowReference.Fuse(a, s, d, _options.Criteria);
            _cumulative = FlowReference.Accumulate(_cumulative, score, _options.EmaWeight);
            Near(layer, "cls_attention", a, ProbabilityError);
            Near(layer, "semantic", s, ProbabilityError);
            Near(layer, "density", d, ScoreError);
            Near(layer, "score", score, ScoreError);
            Near(layer, "cumulative", _cumulative, ScoreError);
            var ratio = FlowReference.EntropyRatio(a);
            if (!(Math.Abs(ratio - Row(layer, "entropy_ratio")[0]) <= RatioError)) _differences.Add($"layer {layer}: h is {Row(layer, "entropy_ratio")[0]:R}, expected {ratio:R}");
            if ((_lastPruningLayer - layer) % _options.PruneEvery == 0) Event(layer, ratio);
        }
    }

    private void Event(int layer, double ratio)
    {
        var kept = _trace.TryGetValue(Name(layer, "keep_indices"), out var indices) ? [.. MemoryMarshal.Cast<byte, long>(indices.Bytes.Span).ToArray().Select(i => (int)i)] : _alive;
        // what the device itself read leaves nothing open
        Equal(layer, "count after its own h", [Count(layer, Row(layer, "entropy_ratio")[0])], [kept.Length]);
        Equal(layer, "selection after its own S", Select(Row(layer, "cumulative"), kept.Length), kept);

        if (IsCountOpen(layer, ratio)) TooClose++;
        else Equal(layer, "count", [Count(layer, ratio)], [kept.Length]);
        if (IsSelectionOpen(kept.Length)) TooClose++;
        else Equal(layer, "selection", Select(_cumulative!, kept.Length), kept);

        _cumulative = [.. kept.Select(patch => _cumulative![Array.IndexOf(_alive, patch)])];
        _alive = kept;
    }

    private int Count(int layer, double ratio)
    {
        var remaining = _lastPruningLayer - layer;
        if (remaining == 0) return _options.Keep;
        var dropped = (int)Math.Round(FlowReference.DropCount(_alive.Length, _options.Keep, remaining, ratio), MidpointRounding.ToEven);
        return Math.Max(_alive.Length - Math.Max(dropped, 0), _options.Keep);
    }

    /// <summary>Whether h could be off by so much that another count comes out.</summary>
    private bool IsCountOpen(int layer, double ratio) => Count(layer, ratio - RatioError) != Count(layer, ratio + RatioError);

    /// <summary>Whether the last kept and the first dropped could change places.</summary>
    private bool IsSelectionOpen(int count)
    {
        if (count == _alive.Length) return false;
        var descending = _cumulative!.OrderDescending().ToArray();
        return descending[count - 1] - descending[count] <= 2 * ScoreError * descending[0];
    }

    private int[] Select(double[] scores, int count) => [.. FlowReference.SelectTop(scores, count).Select(row => _alive[row])];

    private void Equal(int layer, string what, int[] expected, int[] actual)
    {
        Checked++;
        if (!expected.SequenceEqual(actual)) _differences.Add($"layer {layer}, {what}: {string.Join(' ', actual)}, expected {string.Join(' ', expected)}");
    }

    private void Near(int layer, string name, double[] expected, double share)
    {
        var actual = Row(layer, name);
        var worst = actual.Length == expected.Length ? expected.Zip(actual, (e, x) => Math.Abs(e - x)).Max() : double.PositiveInfinity;
        var allowed = share * expected.Max(Math.Abs);
        if (!(worst <= allowed)) _differences.Add($"layer {layer}, {name}: {actual.Length} values, {worst:E2} off; {expected.Length} values, {allowed:E2} allowed");
    }

    private double[] Row(int layer, string name) =>
        _trace.TryGetValue(Name(layer, name), out var row) ? Array.ConvertAll(MemoryMarshal.Cast<byte, float>(row.Bytes.Span).ToArray(), x => (double)x) : [];

    private static string Name(int layer, string name) => $"vision.layer.{layer}.{name}";
}
