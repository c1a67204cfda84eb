using System.Globalization;

namespace FlowCut.Models.Pruning;

/// <summary>
/// FlowCut's one-shot stage in the language model (spec/flowcut.md, section 6): after layer <paramref name="Layer"/> the
/// <paramref name="Keep"/> visual tokens of each picture with the largest scores stay, judged by the last prompt token.
/// </summary>
/// <param name="Keep">Visual tokens of a picture, at least 1; a picture with no more keeps all.</param>
/// <param name="Layer">A decoder layer but the last.</param>
/// <exception cref="InputException">Fewer than 1 token is to be kept.</exception>
public sealed record LanguageStage(int Keep, int Layer)
{
    /// <summary>Visual tokens of a picture, at least 1.</summary>
    public int Keep { get; } = Keep >= 1 ? Keep : throw new InputException($"a stage in the language model keeps at least 1 visual token, not {Keep}");

    /// <summary>As on the command line: N@LAYER.</summary>
    /// <exception cref="InputException">Something else.</exception>
    public static LanguageStage Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var at = text.IndexOf('@', StringComparison.Ordinal);
        return at > 0
            && int.TryParse(text.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture, out var keep)
            && int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var layer)
            && keep >= 1
                ? new LanguageStage(keep, layer)
                : throw new InputException($"a stage in the language model is N@LAYER, N visual tokens (1 or more) after a layer, or off; not '{text}'");
    }

    /// <exception cref="InputException">There is no such layer, it is the last, no text follows the pictures, or one has more visual tokens than the backend scores.</exception>
    internal IDecoderPruning? Begin(DecoderStage stage)
    {
        if (Layer < 0 || Layer > stage.Layers - 2)
            throw new InputException($"the language model cannot prune after layer {Layer}: it has {stage.Layers} layers, after the last of which nothing follows (0 to {stage.Layers - 2} are possible)");
        if (!stage.Pictures.Any(p => p.Count > Keep)) return null;
        if (stage.Pictures.Any(p => p.Start + p.Count == stage.Rows))
            throw new InputException("the language model cannot prune a prompt that ends with a picture: the last token of the text judges what stays");
        stage.Backend.CheckScores(stage.Pictures.Max(p => p.Count));
        return new LanguageStageRun(this, stage);
    }
}

/// <summary>Another strategy, or none, with a stage in the language model of its own.</summary>
/// <param name="inner">Prunes the encoder; null: nothing does.</param>
/// <param name="stage">In place of what <paramref name="inner"/> does in the language model; null: nothing is dropped there.</param>
public sealed class LanguageStageStrategy(IPruningStrategy? inner, LanguageStage? stage) : IPruningStrategy
{
    private readonly IPruningStrategy? _inner = inner;
    private readonly LanguageStage? _stage = stage;

    public string Name => _inner?.Name ?? "llm-stage";

    /// <summary>The other strategy's budget; the stage's where there is none.</summary>
    public int Keep => _inner?.Keep ?? _stage?.Keep ?? int.MaxValue;

    public bool PrunesEncoder => _inner is { PrunesEncoder: true };

    public PositionPolicy? Positions => _inner?.Positions;

    public IPruningStrategy About(string question)
    {
        var about = _inner?.About(question);
        return ReferenceEquals(about, _inner) ? this : new LanguageStageStrategy(about, _stage);
    }

    public ILayerPruning? BeginEncoder(EncoderStage stage) => _inner?.BeginEncoder(stage);

    public ITokenReduction? BeginReduction(EncoderStage stage) => _inner?.BeginReduction(stage);

    public IRecordedPruning? BeginRecordedEncoder(EncoderStage stage) => _inner?.BeginRecordedEncoder(stage);

    public IDecoderPruning? BeginDecoder(DecoderStage stage) => _stage?.Begin(stage);

    /// <summary>Strategies of equal parts do the same.</summary>
    public override bool Equals(object? obj) => obj is LanguageStageStrategy other && Equals(other._inner, _inner) && other._stage == _stage;

    public override int GetHashCode() => HashCode.Combine(_inner, _stage);

    public override string ToString() => $"{_inner?.ToString() ?? "unpruned"}, {(_stage is null ? "nothing in the language model" : _stage.ToString())}";
}
