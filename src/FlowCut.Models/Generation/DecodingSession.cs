using FlowCut.Models.Backends;
using FlowCut.Models.Families;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Generation;

/// <summary>
/// One sequence in the decoder: a prompt that was read, and the tokens appended since. The lowest level for people who
/// drive decoding themselves. Not safe for concurrent use; sessions of one model share its workspace and take turns.
/// </summary>
public sealed class DecodingSession : IDisposable
{
    private readonly Backend _backend;
    private readonly LanguageDecoder _decoder;
    private readonly KeyValueCache _cache;
    private readonly Tensor _output;
    private readonly float[] _logits;
    private readonly (int FirstLayer, DecodeStep Step)[] _steps;
    private readonly int[] _dropped;
    private readonly RepeatedWork _decoding;
    private bool _logitsFetched;
    private int _position;

    /// <param name="backend">Not owned.</param>
    /// <param name="decoder">Not owned.</param>
    /// <param name="rows">Of the prompt.</param>
    /// <param name="more">Tokens that there is to be room for behind it.</param>
    /// <param name="events">What is dropped from the prompt on its way through the layers.</param>
    internal DecodingSession(Backend backend, LanguageDecoder decoder, int rows, int more, IReadOnlyList<DecoderEvent> events)
    {
        _backend = backend;
        _decoder = decoder;
        _logits = new float[decoder.Config.VocabularySize];
        // the large one last: what it leaves no room for is small
        _output = backend.Allocate(1, decoder.Config.VocabularySize, Precision.Single);
        _steps = [(0, backend.AllocateStep()), .. events.Select(e => (e.Layer + 1, backend.AllocateStep()))];
        _dropped = [0, .. events.Select(e => rows - e.Rows)];
        _cache = decoder.CreateCache(rows + more, more, events);
        _decoding = decoder.Decoding(_steps, _cache, _output);
    }

    /// <summary>Tokens read so far, visual tokens that enter the language model included.</summary>
    public int Length => _cache.Length;

    /// <summary>Whether there is room for one more token.</summary>
    public bool HasRoom => _cache.Length < _cache.Capacity;

    /// <summary>Bytes of keys and values that are allocated.</summary>
    public long CacheBytes => _cache.Bytes;

    /// <summary>Operations that one <see cref="Append"/> launches at once; 0 where each is queued by itself.</summary>
    public int RecordedOperations => _decoding.RecordedOperations;

    /// <summary>[vocabulary]: of the next token; valid until the next <see cref="Append"/>.</summary>
    public ReadOnlySpan<float> Logits
    {
        get
        {
            if (!_logitsFetched) _backend.Download(_output, _logits);
            _logitsFetched = true;
            return _logits;
        }
    }

    /// <summary>Whether rows that were dropped on the way leave no gap in the positions.</summary>
    private bool IsRenumbered { get; set; }

    /// <summary>The likeliest of the first <paramref name="vocabulary"/> tokens, the lowest on ties.</summary>
    /// <exception cref="ComputationException">A logit is not a number.</exception>
    public int ArgMax(int vocabulary)
    {
        var index = _backend.ArgMax(_output.SliceColumns(0, vocabulary));
        return index >= 0 ? index : throw new ComputationException($"the logits at position {_position} hold NaN; the weights or the activations are damaged");
    }

    /// <summary>Reads one more token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such token.</exception>
    /// <exception cref="InvalidOperationException">There is no room for one more.</exception>
    public void Append(int token, CancellationToken cancellation = default)
    {
        _decoder.ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, _decoder.Config.VocabularySize);
        if (!HasRoom) throw new InvalidOperationException($"The session has room for {_cache.Capacity} tokens and holds as many.");
        for (var i = 0; i < _steps.Length; i++)
            _steps[i].Step.MoveTo(token, IsRenumbered ? _position - _dropped[i] : _position, _cache.LengthOf(_steps[i].FirstLayer));
        _decoding.Run(cancellation);
        _cache.Advance(0, _decoder.Config.Layers, 1);
        _position++;
        _logitsFetched = false;
    }

    public void Dispose()
    {
        _decoding.Dispose();
        foreach (var (_, step) in _steps) step.Dispose();
        _cache.Dispose();
        _output.Buffer.Dispose();
    }

    /// <summary>Reads a prompt, each picture marker replaced by its picture's tokens.</summary>
    /// <param name="prompt">Its ids.</param>
    /// <param name="pictures">One for each marker.</param>
    /// <param name="policy">Where the visual tokens stand.</param>
    /// <param name="pruning">Drops rows on the way; null: all stay.</param>
    /// <param name="trace">Receives what the decoder saw.</param>
    /// <param name="cancellation">Checked between layers.</param>
    internal void Prefill(
        PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, PositionPolicy policy, IDecoderPruning? pruning, Trace? trace, CancellationToken cancellation)
    {
        var rows = PrefillLength(prompt, pictures);
        var positions = new PromptPositions(rows, _decoder.Config.RotarySections is null ? 1 : 3, policy);
        var inputs = _backend.Allocate(rows, _decoder.Config.HiddenSize, Precision.Single);
        using var numbers = _backend.AllocateIndices(positions.Values.Length);
        try
        {
            int row = 0, picture = 0;
            for (var i = 0; i < prompt.Ids.Length;)
            {
                if (prompt.Ids[i] == PromptTokens.Picture)
                {
                    var encoded = pictures[picture++];
                    _backend.Copy(encoded.Tokens, inputs.SliceRows(row, encoded.Tokens.Rows));
                    positions.Add(encoded);
                    row += encoded.Tokens.Rows;
                    i++;
                    continue;
                }

                var end = i;
                while (end < prompt.Ids.Length && prompt.Ids[end] != PromptTokens.Picture) end++;
                _decoder.Embed(prompt.Ids.AsSpan(i, end - i), inputs.SliceRows(row, end - i));
                positions.AddText(end - i);
                row += end - i;
                i = end;
            }

            _backend.Upload(positions.Values, numbers);
            IsRenumbered = policy == PositionPolicy.Compact;
            _position = positions.Next;
            _decoder.Forward(
                new PromptRun
                {
                    Inputs = inputs,
                    Positions = _decoder.Positions(new IndexView(numbers, 0, positions.Values.Length)),
                    Pruning = pruning,
                    Renumber = IsRenumbered,
                    Trace = trace,
                },
                _cache, _output, cancellation);
            _logitsFetched = false;
            trace?.AddVector("language.logits", _backend, _output);
        }
        finally
        {
            inputs.Buffer.Dispose();
        }
    }

    internal static int PrefillLength(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures) =>
        prompt.Ids.Length - pictures.Count + pictures.Sum(p => p.Tokens.Rows);

    /// <summary>Where the pictures' tokens lie among the rows of a prompt.</summary>
    internal static List<VisualRows> VisualRows(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures)
    {
        var visual = new List<VisualRows>();
        var row = 0;
        foreach (var id in prompt.Ids)
        {
            if (id == PromptTokens.Picture)
            {
                var picture = pictures[visual.Count];
                visual.Add(new VisualRows(row, picture.Tokens.Rows, picture.Language));
                row += picture.Tokens.Rows;
            }
            else row++;
        }

        return visual;
    }
}
