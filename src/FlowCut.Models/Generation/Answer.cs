using System.Diagnostics;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Generation;

/// <summary>A piece of an answer: the text that became certain with one token; empty while a character is incomplete.</summary>
public readonly record struct AnswerPiece(string Text, int Token);

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>Not finished.</summary>
    None,
    /// <summary>The model ended it.</summary>
    End,
    /// <summary>The token limit or the model's context was reached.</summary>
    Length,
    Cancelled,
}

/// <summary>Wall time of the parts of an answer, in milliseconds.</summary>
public readonly record struct AnswerTimes(double Preprocess, double Vision, double Prefill, double Decode);

/// <summary>An answer in the making: enumerate it once; its facts grow as it goes.</summary>
public sealed class Answer : IAsyncEnumerable<AnswerPiece>
{
    private readonly VisionLanguageModel _model;
    private readonly PromptTokens _prompt;
    private readonly IReadOnlyList<RgbImage> _pictures;
    private readonly GenerationOptions _options;
    private readonly List<int> _tokens = [];
    private readonly List<float> _logits = [];
    private bool _started;

    internal Answer(VisionLanguageModel model, PromptTokens prompt, IReadOnlyList<RgbImage> pictures, GenerationOptions options)
    {
        _model = model;
        _prompt = prompt;
        _pictures = pictures;
        _options = options;
    }

    /// <summary>Tokens generated so far, the one that ends the answer not included.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    public FinishReason Finish { get; private set; }

    public AnswerTimes Times { get; private set; }

    /// <summary>Positions that entered the decoder: text and kept visual tokens.</summary>
    public int PromptLength { get; private set; }

    /// <summary>What pruning saw and kept in the encoder, crop by crop through all pictures.</summary>
    public IReadOnlyList<PruningRecord> Records { get; private set; } = [];

    /// <summary>How each picture was cut and laid on the encoder's patch grid.</summary>
    public IReadOnlyList<PreprocessedPicture> Prepared { get; private set; } = [];

    /// <summary>Visual tokens without pruning, what stands behind rows of patches not counted.</summary>
    public int PictureTokens => Prepared.Sum(p => p.Tokens);

    /// <summary>Visual tokens that entered the language model.</summary>
    public int EnteredTokens { get; private set; }

    /// <summary>Visual tokens left at the end of the language model.</summary>
    public int KeptTokens { get; private set; }

    /// <summary>Patches whose tokens are left at the end, crop by crop through all pictures.</summary>
    public IReadOnlyList<int[]> KeptPatches { get; private set; } = [];

    /// <summary>Bytes of the key/value cache.</summary>
    public long CacheBytes { get; private set; }

    /// <summary>Makes the answer on worker threads, a piece per token.</summary>
    /// <exception cref="InvalidOperationException">Enumerated a second time.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two layers or tokens.</exception>
    public async IAsyncEnumerator<AnswerPiece> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (_started) throw new InvalidOperationException("An answer is made once; ask again for another.");
        _started = true;
        using var session = await Guard(() => Begin(cancellationToken)).ConfigureAwait(false);
        var detokenizer = _model.Tokenizer.CreateDetokenizer(skipSpecial: true);
        var sampler = _options.Temperature > 0 ? new TokenSampler(_options) : null;
        while (true)
        {
            var token = await Guard(() => Next(session, sampler, cancellationToken)).ConfigureAwait(false);
            if (token is null) break;
            yield return new AnswerPiece(detokenizer.Push(token.Value), token.Value);
        }

        RecordTrace();
        if (detokenizer.Flush() is { Length: > 0 } rest) yield return new AnswerPiece(rest, _tokens[^1]);
    }

    private async Task<T> Guard<T>(Func<T> step)
    {
        try
        {
            return await Task.Run(step).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Finish = FinishReason.Cancelled;
            throw;
        }
    }

    private DecodingSession Begin(CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        Prepared = [.. _pictures.Select(p => _model.Prepare(p, _options.Pictures))];
        var preprocess = clock.Elapsed.TotalMilliseconds;

        clock.Restart();
        var encoded = Prepared.Count == 0 ? [] : _model.Encode(Prepared, _options.Pruning, _options.Trace, cancellation);
        try
        {
            _model.Backend.Wait();
            var vision = clock.Elapsed.TotalMilliseconds;
            Records = [.. encoded.SelectMany(e => e.Records)];

            clock.Restart();
            var session = _model.Prefill(_prompt, encoded, _options.MaxTokens, _options.Pruning, _options.Trace, cancellation);
            _model.Backend.Wait();
            EnteredTokens = encoded.Sum(e => e.Tokens.Rows);
            KeptTokens = encoded.Sum(e => e.Kept);
            KeptPatches = [.. encoded.SelectMany(e => e.KeptPatches())];
            Times = new AnswerTimes(preprocess, vision, clock.Elapsed.TotalMilliseconds, 0);
            PromptLength = session.Length;
            CacheBytes = session.CacheBytes;
            return session;
        }
        finally
        {
            foreach (var picture in encoded) picture.Dispose();
        }
    }

    /// <summary>The next token, or null at the end of the answer.</summary>
    private int? Next(DecodingSession session, TokenSampler? sampler, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            cancellation.ThrowIfCancellationRequested();
            if (_tokens.Count > 0)
            {
                if (_tokens.Count == _options.MaxTokens || !session.HasRoom)
                {
                    Finish = FinishReason.Length;
                    return null;
                }

                session.Append(_tokens[^1], cancellation);
            }

            // Rows that pad the vocabulary have no text; they are never chosen.
            var vocabulary = Math.Min(_model.Tokenizer.MaxId + 1, _model.Description.Language.VocabularySize);
            var token = session.ArgMax(vocabulary);
            if (sampler is not null) token = sampler.Sample(session.Logits[..vocabulary]);
            if (!_options.IgnoreEndTokens && _model.EndTokens.Contains(token))
            {
                Finish = FinishReason.End;
                return null;
            }

            if (_options.Trace is not null) _logits.AddRange(session.Logits);
            _tokens.Add(token);
            return token;
        }
        finally
        {
            Times = Times with { Decode = Times.Decode + Stopwatch.GetElapsedTime(start).TotalMilliseconds };
        }
    }

    private void RecordTrace()
    {
        if (_options.Trace is not { } trace) return;
        trace.Add("generated.ids", [.. _tokens]);
        trace.Add("generated.logits", [.. _logits], _tokens.Count, _model.Description.Language.VocabularySize);
    }
}
