using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Language;

/// <summary>A decoder of Llama's design (spec/models.md, sections 5.1 to 5.4): RMS norms, rotary positions, grouped-query attention, SwiGLU.</summary>
internal sealed class LanguageDecoder : IDisposable
{
    /// <summary>
    /// Rows that go through the layers together. A LLaVA-1.5 prompt fits whole; a longer one is cut, so that the
    /// activations of a 7B model stay within 150 MB.
    /// </summary>
    public const int ChunkRows = 640;

    private readonly Backend _backend;
    private readonly Matrix _embedding, _head;
    private readonly Tensor _finalNorm, _inverseFrequencies, _tokenRow;
    private readonly LanguageLayer[] _layers;
    private readonly LanguageWorkspace _tokenWorkspace;
    private LanguageWorkspace? _workspace;
    private bool _disposed;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Shapes that the tensors must have.</param>
    /// <param name="checkpoint">Must outlive the decoder.</param>
    /// <param name="names">Of the tensors.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public LanguageDecoder(Backend backend, LanguageConfig config, Checkpoint checkpoint, LanguageTensorNames names)
    {
        _backend = backend;
        Config = config;
        _embedding = backend.LoadMatrix(checkpoint.Get(names.Embedding, config.VocabularySize, config.HiddenSize));
        _head = config.TiedEmbeddings ? _embedding : backend.LoadMatrix(checkpoint.Get(names.Head, config.VocabularySize, config.HiddenSize));
        _finalNorm = backend.LoadVector(checkpoint.Get(names.FinalNorm, config.HiddenSize));
        _layers = new LanguageLayer[config.Layers];
        for (var i = 0; i < config.Layers; i++) _layers[i] = new LanguageLayer(backend, config, checkpoint, names, i);

        // Recorded steps go on using these: a longer prompt must not replace them.
        _tokenWorkspace = new LanguageWorkspace(backend, config, 1);
        _tokenRow = backend.Allocate(1, config.HiddenSize, Precision.Single);

        // In single precision, like the reference: at position p an angle's error grows to p times this one's.
        var frequencies = new float[config.HeadSize / 2];
        for (var i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1 / MathF.Pow(config.RopeTheta, 2f * i / config.HeadSize);
        _inverseFrequencies = backend.Allocate(1, frequencies.Length, Precision.Single);
        backend.Upload(frequencies, _inverseFrequencies);
    }

    public LanguageConfig Config { get; }

    /// <summary>Room for a prompt and its answer.</summary>
    /// <param name="rows">Tokens in the first layer.</param>
    /// <param name="more">Tokens that come after the prompt, part of <paramref name="rows"/>.</param>
    /// <param name="events">What is dropped on the way through the layers.</param>
    public KeyValueCache CreateCache(int rows, int more = 0, IReadOnlyList<DecoderEvent>? events = null)
    {
        var capacities = new int[Config.Layers];
        Array.Fill(capacities, rows);
        foreach (var e in events ?? []) Array.Fill(capacities, e.Rows + more, e.Layer + 1, Config.Layers - e.Layer - 1);
        return new KeyValueCache(_backend, Config, capacities);
    }

    /// <summary>Token embeddings into <paramref name="destination"/> [ids, hidden].</summary>
    public void Embed(ReadOnlySpan<int> ids, Tensor destination)
    {
        ThrowIfDisposed();
        _backend.Embed(_embedding, ids, destination);
    }

    /// <summary>Where rows stand, by this decoder's rule.</summary>
    /// <param name="values">One axis of positions, or three where the configuration has sections: times, rows, columns.</param>
    public RotaryPositions Positions(IndexView values) =>
        Config.RotarySections is { } sections ? RotaryPositions.ThreeAxes(values, sections.Time, sections.Row) : RotaryPositions.OneAxis(values);

    /// <summary>Reads a prompt into an empty cache and computes the logits of its last token.</summary>
    /// <param name="prompt">Its rows.</param>
    /// <param name="cache">Made for it by <see cref="CreateCache"/>.</param>
    /// <param name="logits">[1, vocabulary] in single precision, written.</param>
    /// <param name="cancellation">Checked before every layer.</param>
    public void Forward(PromptRun prompt, KeyValueCache cache, Tensor logits, CancellationToken cancellation)
    {
        ThrowIfDisposed();
        var events = prompt.Pruning?.Events ?? [];
        prompt.Pruning?.Start(prompt.Inputs);
        var hidden = prompt.Inputs;
        var positions = prompt.Positions;
        List<IDisposable> owned = [];
        try
        {
            var first = 0;
            for (var number = 0; number <= events.Count; number++)
            {
                var end = number < events.Count ? events[number].Layer + 1 : _layers.Length;
                var last = RunLayers(first, end, hidden, positions, prompt, number, cache, cancellation);
                if (number == events.Count) Head(last, _workspace!, logits);
                else (hidden, positions) = Drop(prompt, number, hidden, positions, owned);
                first = end;
            }
        }
        finally
        {
            foreach (var buffer in owned) buffer.Dispose();
        }
    }

    /// <summary>
    /// What <see cref="Forward"/> does for one more token. Run once for every token; the caller then counts the cache's
    /// row. Not for use once the decoder is disposed: see <see cref="ThrowIfDisposed"/>.
    /// </summary>
    /// <param name="steps">By first layer, ascending from 0: where the token stands in it and those behind it.</param>
    /// <param name="cache">Of the sequence.</param>
    /// <param name="logits">[1, vocabulary] in single precision, written.</param>
    public RepeatedWork Decoding(IReadOnlyList<(int FirstLayer, DecodeStep Step)> steps, KeyValueCache cache, Tensor logits) => _backend.Repeat(cancellation =>
    {
        _backend.Embed(_embedding, steps[0].Step, _tokenRow);
        var number = 0;
        for (var i = 0; i < _layers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (number + 1 < steps.Count && steps[number + 1].FirstLayer == i) number++;
            RunLayer(i, _tokenWorkspace, _tokenRow, new Places(steps[number].Step), cache, 1, null);
        }

        Head(_tokenRow, _tokenWorkspace, logits);
    });

    /// <summary>For <see cref="Backend.Prepare"/>: a prompt of so many tokens, a step after it and the choice of a token.</summary>
    public void Rehearse(int tokens)
    {
        using var cache = CreateCache(tokens + 1, 1);
        using var step = _backend.AllocateStep();
        using var numbers = _backend.AllocateIndices(3 * tokens);
        Tensor inputs = _backend.Allocate(tokens, Config.HiddenSize, Precision.Single), logits = _backend.Allocate(1, Config.VocabularySize, Precision.Single);
        Embed(new int[tokens], inputs);
        var positions = Positions(new IndexView(numbers, 0, (Config.RotarySections is null ? 1 : 3) * tokens));
        Forward(new PromptRun { Inputs = inputs, Positions = positions }, cache, logits, CancellationToken.None);
        using var decoding = Decoding([(0, step)], cache, logits);
        decoding.Run(CancellationToken.None);
        _backend.ArgMax(logits);
        inputs.Buffer.Dispose();
        logits.Buffer.Dispose();
    }

    /// <summary>A session may outlive its model, whose weights are then gone.</summary>
    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed, this);

    public void Dispose()
    {
        _disposed = true;
        _workspace?.Dispose();
        _tokenWorkspace.Dispose();
        _tokenRow.Buffer.Dispose();
        _inverseFrequencies.Buffer.Dispose();
    }

    /// <summary>All rows through some layers, in chunks; the scoring of an event is queued on the way.</summary>
    /// <returns>The last row after the last of these layers.</returns>
    private Tensor RunLayers(
        int first, int end, Tensor hidden, RotaryPositions positions, PromptRun prompt, int number, KeyValueCache cache, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hidden.Rows, cache.Keys(end - 1).Rows, nameof(cache));
        var observer = end < _layers.Length ? prompt.Pruning : null;
        var queryRows = observer?.QueryRows ?? 1;
        using var next = observer is not null && observer.Events[number].ByNext ? new LookAhead(_backend, Config, hidden.Rows) : null;
        var last = hidden;
        for (var start = 0; start < hidden.Rows;)
        {
            var rows = PromptChunks.Next(hidden.Rows - start, ChunkRows, queryRows);
            Reserve(rows);
            var isLast = start + rows == hidden.Rows;
            var places = new Places(positions.Slice(start, rows), new Sequences(0, rows), new Sequences(0, start + rows));
            last = hidden.SliceRows(start, rows);
            for (var i = first; i < end; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                var observes = isLast && i == end - 1 && observer is not null && next is null;
                last = RunLayer(i, _workspace!, last, places, cache, queryRows, observes ? Observe : null);
                if (isLast) prompt.Trace?.AddVector($"language.layer.{i}.output", _backend, last.SliceRows(last.Rows - 1, 1));
            }

            if (next is not null)
            {
                var query = Project(end, _workspace!, last, places, next.Keys.SliceRows(0, start + rows), next.Values.SliceRows(0, start + rows));
                if (isLast) Observe(new DecoderLayer { Queries = query.SliceRows(rows - queryRows, queryRows), Keys = next.Keys, Values = next.Values });
            }

            cache.Advance(first, end, rows);
            start += rows;
        }

        return last;

        void Observe(in DecoderLayer layer) => observer!.Observe(number, layer);
    }

    /// <summary>Room for the activations of a chunk.</summary>
    private void Reserve(int rows)
    {
        if (_workspace is not null && _workspace.Rows >= rows) return;
        _workspace?.Dispose();
        _workspace = null;
        _workspace = new LanguageWorkspace(_backend, Config, rows);
    }

    /// <summary>The rows that stay, and where they stand.</summary>
    private (Tensor Hidden, RotaryPositions Positions) Drop(PromptRun prompt, int number, Tensor hidden, RotaryPositions positions, List<IDisposable> owned)
    {
        var rows = prompt.Pruning!.KeptRows(number, hidden);
        var kept = _backend.Allocate(rows.Length, hidden.Columns, Precision.Single);
        owned.Add(kept.Buffer);
        _backend.GatherRows(hidden, rows, kept);
        prompt.Pruning.Merge(number, hidden, kept);
        var numbers = _backend.AllocateIndices(positions.Axes * rows.Length);
        owned.Add(numbers);
        if (prompt.Renumber)
        {
            var compact = new int[positions.Axes * rows.Length];
            for (var i = 0; i < compact.Length; i++) compact[i] = i % rows.Length;
            _backend.Upload(compact, numbers);
        }
        else
        {
            for (var axis = 0; axis < positions.Axes; axis++) _backend.GatherIndices(positions.Axis(axis), rows, new IndexView(numbers, axis * rows.Length, rows.Length));
        }

        var stand = new IndexView(numbers, 0, positions.Axes * rows.Length);
        prompt.Trace?.AddPositions($"language.layer.{prompt.Pruning.Events[number].Layer + 1}.position_ids", _backend, stand, positions.Axes);
        return (kept, Positions(stand));
    }

    private void Head(Tensor last, LanguageWorkspace work, Tensor logits)
    {
        var normed = work.Normed.SliceRows(0, 1);
        _backend.RmsNorm(last.SliceRows(last.Rows - 1, 1), _finalNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, _head, null, Activation.None, null, logits);
    }

    /// <returns>The layer's output: all rows, or the last row alone after the last layer, whose other rows nobody reads.</returns>
    private Tensor RunLayer(int index, LanguageWorkspace work, Tensor hidden, in Places places, KeyValueCache cache, int queryRows, LayerObserver? observe)
    {
        var layer = _layers[index];
        var rows = hidden.Rows;
        Tensor keys = cache.Keys(index), values = cache.Values(index);
        var seen = places.Step is null ? places.Keys.Rows : keys.Rows;
        var query = Project(index, work, hidden, places, keys.SliceRows(0, seen), values.SliceRows(0, seen));

        if (index == _layers.Length - 1)
        {
            hidden = hidden.SliceRows(rows - 1, 1);
            query = query.SliceRows(rows - 1, 1);
            rows = 1;
        }

        var context = work.Context.SliceRows(0, rows);
        Attend(index, query, context, places, cache);
        observe?.Invoke(new DecoderLayer
        {
            Queries = query.SliceRows(rows - queryRows, queryRows),
            Keys = keys.SliceRows(0, places.Keys.Rows),
            Values = values.SliceRows(0, places.Keys.Rows),
        });
        _backend.Linear(context, layer.Output, null, Activation.None, residual: hidden, hidden);

        var normed = work.Normed.SliceRows(0, rows);
        var gateUp = work.GateUp.SliceRows(0, rows);
        var gated = work.Gated.SliceRows(0, rows);
        _backend.RmsNorm(hidden, layer.PostAttentionNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, layer.GateUp, null, Activation.None, null, gateUp);
        _backend.GatedSilu(gateUp, gated);
        _backend.Linear(gated, layer.Down, null, Activation.None, residual: hidden, hidden);
        return hidden;
    }

    /// <summary>A layer's query, turned by its positions; keys and values go to the last rows of those that are seen, or where the step says.</summary>
    private Tensor Project(int index, LanguageWorkspace work, Tensor hidden, in Places places, Tensor keys, Tensor values)
    {
        var layer = _layers[index];
        int rows = hidden.Rows, queryWidth = Config.Heads * Config.HeadSize, keyWidth = Config.KeyValueHeads * Config.HeadSize;
        var normed = work.Normed.SliceRows(0, rows);
        var qkv = work.QueryKeyValue.SliceRows(0, rows);
        _backend.RmsNorm(hidden, layer.InputNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, layer.QueryKeyValue, layer.QueryKeyValueBias, Activation.None, null, qkv);
        Tensor query = qkv.SliceColumns(0, queryWidth), key = qkv.SliceColumns(queryWidth, keyWidth), value = qkv.SliceColumns(queryWidth + keyWidth, keyWidth);
        if (places.Step is { } step)
        {
            _backend.RotaryAppend(query, key, value, step, _inverseFrequencies, Config.HeadSize, keys, values);
            return query;
        }

        var start = keys.Rows - rows;
        _backend.RotaryAppend(query, key, value, places.Positions, _inverseFrequencies, Config.HeadSize, keys.SliceRows(start, rows), values.SliceRows(start, rows));
        return query;
    }

    private void Attend(int index, Tensor query, Tensor context, in Places places, KeyValueCache cache)
    {
        Tensor keys = cache.Keys(index), values = cache.Values(index);
        var scale = 1 / MathF.Sqrt(Config.HeadSize);
        if (places.Step is { } step)
        {
            _backend.DecodeAttention(new DecodeArguments
            {
                Query = query,
                KeyCache = keys,
                ValueCache = values,
                Output = context,
                Heads = Config.Heads,
                KeyValueHeads = Config.KeyValueHeads,
                HeadSize = Config.HeadSize,
                Scale = scale,
                Step = step,
            });
            return;
        }

        _backend.Attention(new AttentionArguments
        {
            Query = query,
            Key = keys.SliceRows(0, places.Keys.Rows),
            Value = values.SliceRows(0, places.Keys.Rows),
            Output = context,
            Heads = Config.Heads,
            KeyValueHeads = Config.KeyValueHeads,
            HeadSize = Config.HeadSize,
            Scale = scale,
            Queries = query.Rows == 1 ? LanguageWorkspace.OneRow : places.Queries,
            Keys = places.Keys,
            Causal = true,
        });
    }

    /// <summary>Where the rows of a pass belong: known to the host for a prompt, read from the step for one token.</summary>
    private readonly struct Places
    {
        public Places(RotaryPositions positions, Sequences queries, Sequences keys) => (Positions, Queries, Keys) = (positions, queries, keys);

        public Places(DecodeStep step) => (Step, Queries, Keys) = (step, LanguageWorkspace.OneRow, LanguageWorkspace.OneRow);

        public readonly DecodeStep? Step;

        public readonly RotaryPositions Positions;

        public readonly Sequences Queries;

        public readonly Sequences Keys;
    }

    /// <summary>Keys and values that the layer behind an event would have of all rows.</summary>
    private sealed class LookAhead(Backend backend, LanguageConfig config, int rows) : IDisposable
    {
        public Tensor Keys { get; } = backend.Allocate(rows, config.KeyValueHeads * config.HeadSize);

        public Tensor Values { get; } = backend.Allocate(rows, config.KeyValueHeads * config.HeadSize);

        public void Dispose()
        {
            Keys.Buffer.Dispose();
            Values.Buffer.Dispose();
        }
    }

    private delegate void LayerObserver(in DecoderLayer layer);
}
