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
    private readonly LlamaDecoder _decoder;
    private readonly KeyValueCache _cache;
    private readonly Tensor _output;
    private readonly float[] _logits;
    private readonly DecodeStep _step;
    private readonly RepeatedWork _decoding;
    private bool _logitsFetched;
    private int _position;

    internal DecodingSession(Backend backend, LlamaDecoder decoder, int capacity)
    {
        _backend = backend;
        _decoder = decoder;
        _logits = new float[decoder.Config.VocabularySize];
        // the large one last: what it leaves no room for is small
        _output = backend.Allocate(1, decoder.Config.VocabularySize, Precision.Single);
        _step = backend.AllocateStep();
        _cache = decoder.CreateCache(capacity);
        _decoding = decoder.Decoding(_step, _cache, _output);
    }

    /// <summary>Tokens read so far, kept visual tokens included.</summary>
    public int Length => _cache.Length;

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
        if (_cache.Length == _cache.Capacity) throw new InvalidOperationException($"The session has room for {_cache.Capacity} tokens and holds as many.");
        _step.MoveTo(token, _position, _cache.Length);
        _decoding.Run(cancellation);
        _cache.Length++;
        _position++;
        _logitsFetched = false;
    }

    public void Dispose()
    {
        _decoding.Dispose();
        _step.Dispose();
        _cache.Dispose();
        _output.Buffer.Dispose();
    }

    /// <summary>Reads a prompt, each picture marker replaced by its picture's tokens.</summary>
    internal void Prefill(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, PositionPolicy policy, Trace? trace, CancellationToken cancellation)
    {
        var rows = PrefillLength(prompt, pictures);
        var inputs = _backend.Allocate(rows, _decoder.Config.HiddenSize, Precision.Single);
        try
        {
            var positions = new int[rows];
            int row = 0, picture = 0;
            for (var i = 0; i < prompt.Ids.Length;)
            {
                if (prompt.Ids[i] == PromptTokens.Picture)
                {
                    var encoded = pictures[picture++];
                    var count = encoded.Tokens.Rows;
                    _backend.Copy(encoded.Tokens, inputs.SliceRows(row, count));
                    for (var j = 0; j < count; j++)
                        positions[row + j] = _position + (policy == PositionPolicy.Original ? encoded.Record.Kept[j] : j);
                    _position += policy == PositionPolicy.Original ? encoded.Record.Patches : count;
                    row += count;
                    i++;
                    continue;
                }

                var end = i;
                while (end < prompt.Ids.Length && prompt.Ids[end] != PromptTokens.Picture) end++;
                _decoder.Embed(prompt.Ids.AsSpan(i, end - i), inputs.SliceRows(row, end - i));
                for (; i < end; i++) positions[row++] = _position++;
            }

            _decoder.Forward(inputs, positions, _cache, _output, trace, cancellation);
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
}
