using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Language;

/// <summary>A Llama decoder (spec/models.md, section 5.1): RMS norms, rotary positions, grouped-query attention, SwiGLU.</summary>
internal sealed class LlamaDecoder : IDisposable
{
    /// <summary>
    /// Rows that go through the layers together. A LLaVA-1.5 prompt fits whole; a longer one is cut, so that the
    /// activations of a 7B model stay within 150 MB.
    /// </summary>
    public const int ChunkRows = 640;

    private readonly Backend _backend;
    private readonly Matrix _embedding, _head;
    private readonly Tensor _finalNorm, _inverseFrequencies, _tokenRow;
    private readonly Layer[] _layers;
    private readonly LlamaWorkspace _tokenWorkspace;
    private LlamaWorkspace? _workspace;
    private bool _disposed;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Shapes that the tensors must have.</param>
    /// <param name="checkpoint">Must outlive the decoder.</param>
    /// <param name="prefix">Of the tensor names, in front of "model.embed_tokens.weight" and "lm_head.weight".</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public LlamaDecoder(Backend backend, LlamaConfig config, Checkpoint checkpoint, string prefix)
    {
        _backend = backend;
        Config = config;
        var embedding = checkpoint.Get(prefix + "model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        _embedding = backend.LoadMatrix(embedding);
        _head = config.TiedEmbeddings ? _embedding : backend.LoadMatrix(checkpoint.Get(prefix + "lm_head.weight", config.VocabularySize, config.HiddenSize));
        _finalNorm = backend.LoadVector(checkpoint.Get(prefix + "model.norm.weight", config.HiddenSize));
        _layers = new Layer[config.Layers];
        for (var i = 0; i < config.Layers; i++) _layers[i] = new Layer(backend, config, checkpoint, $"{prefix}model.layers.{i}.");

        // Recorded steps go on using these: a longer prompt must not replace them.
        _tokenWorkspace = new LlamaWorkspace(backend, config, 1);
        _tokenRow = backend.Allocate(1, config.HiddenSize, Precision.Single);

        // In single precision, like the reference: at position p an angle's error grows to p times this one's.
        var frequencies = new float[config.HeadSize / 2];
        for (var i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1 / MathF.Pow(config.RopeTheta, 2f * i / config.HeadSize);
        _inverseFrequencies = backend.Allocate(1, frequencies.Length, Precision.Single);
        backend.Upload(frequencies, _inverseFrequencies);
    }

    public LlamaConfig Config { get; }

    public KeyValueCache CreateCache(int capacity) => new(_backend, Config, capacity);

    /// <summary>Token embeddings into <paramref name="destination"/> [ids, hidden].</summary>
    public void Embed(ReadOnlySpan<int> ids, Tensor destination)
    {
        ThrowIfDisposed();
        _backend.Embed(_embedding, ids, destination);
    }

    /// <summary>Appends <paramref name="inputs"/> [n, hidden] (overwritten) at <paramref name="positions"/> and computes the logits of the last one.</summary>
    /// <param name="inputs">Embedded tokens, in single precision: they become the residual stream.</param>
    /// <param name="positions">n rotary positions.</param>
    /// <param name="cache">Has room for n more.</param>
    /// <param name="logits">[1, vocabulary] in single precision, written.</param>
    /// <param name="trace">Receives the last row after every layer.</param>
    /// <param name="cancellation">Checked before every layer.</param>
    public void Forward(Tensor inputs, ReadOnlySpan<int> positions, KeyValueCache cache, Tensor logits, Trace? trace, CancellationToken cancellation)
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(cache.Length + inputs.Rows, cache.Capacity);
        for (var start = 0; start < inputs.Rows; start += ChunkRows)
        {
            var rows = Math.Min(ChunkRows, inputs.Rows - start);
            var last = ForwardChunk(inputs.SliceRows(start, rows), positions.Slice(start, rows), cache, start + rows == inputs.Rows ? trace : null, cancellation);
            if (start + rows == inputs.Rows) Head(last, _workspace!, logits);
        }
    }

    /// <summary>
    /// What <see cref="Forward"/> does for the one token of a step. Run once for every token; the caller then counts the cache's
    /// row. Not for use once the decoder is disposed: see <see cref="ThrowIfDisposed"/>.
    /// </summary>
    public RepeatedWork Decoding(DecodeStep step, KeyValueCache cache, Tensor logits) => _backend.Repeat(cancellation =>
    {
        _backend.Embed(_embedding, step, _tokenRow);
        for (var i = 0; i < _layers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RunLayer(i, _tokenWorkspace, _tokenRow, new Places(step), cache);
        }

        Head(_tokenRow, _tokenWorkspace, logits);
    });

    /// <summary>For <see cref="Backend.Prepare"/>: a prompt of so many tokens, a step after it and the choice of a token.</summary>
    public void Rehearse(int tokens)
    {
        using var cache = CreateCache(tokens + 1);
        using var step = _backend.AllocateStep();
        Tensor inputs = _backend.Allocate(tokens, Config.HiddenSize, Precision.Single), logits = _backend.Allocate(1, Config.VocabularySize, Precision.Single);
        Embed(new int[tokens], inputs);
        Forward(inputs, new int[tokens], cache, logits, null, CancellationToken.None);
        using var decoding = Decoding(step, cache, logits);
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

    /// <returns>The last row after the last layer.</returns>
    private Tensor ForwardChunk(Tensor hidden, ReadOnlySpan<int> positions, KeyValueCache cache, Trace? trace, CancellationToken cancellation)
    {
        var rows = hidden.Rows;
        if (_workspace is null || _workspace.Rows < rows)
        {
            _workspace?.Dispose();
            _workspace = null;
            _workspace = new LlamaWorkspace(_backend, Config, rows);
        }

        var places = new Places(positions, new Sequences(0, rows), new Sequences(0, cache.Length + rows));
        for (var i = 0; i < _layers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            hidden = RunLayer(i, _workspace, hidden, places, cache);
            trace?.AddVector($"language.layer.{i}.output", _backend, hidden.SliceRows(hidden.Rows - 1, 1));
        }

        cache.Length += rows;
        return hidden;
    }

    private void Head(Tensor last, LlamaWorkspace work, Tensor logits)
    {
        var normed = work.Normed.SliceRows(0, 1);
        _backend.RmsNorm(last, _finalNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, _head, null, Activation.None, null, logits);
    }

    /// <returns>The layer's output: all rows, or the last row alone after the last layer, whose other rows nobody reads.</returns>
    private Tensor RunLayer(int index, LlamaWorkspace work, Tensor hidden, in Places places, KeyValueCache cache)
    {
        var layer = _layers[index];
        int rows = hidden.Rows, queryWidth = Config.Heads * Config.HeadSize, keyWidth = Config.KeyValueHeads * Config.HeadSize;
        var normed = work.Normed.SliceRows(0, rows);
        var qkv = work.QueryKeyValue.SliceRows(0, rows);
        _backend.RmsNorm(hidden, layer.InputNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, layer.QueryKeyValue, null, Activation.None, null, qkv);
        var query = qkv.SliceColumns(0, queryWidth);
        Append(index, query, qkv.SliceColumns(queryWidth, keyWidth), qkv.SliceColumns(queryWidth + keyWidth, keyWidth), places, cache);

        if (index == _layers.Length - 1)
        {
            hidden = hidden.SliceRows(rows - 1, 1);
            query = query.SliceRows(rows - 1, 1);
            rows = 1;
        }

        var context = work.Context.SliceRows(0, rows);
        Attend(index, query, context, places, cache);
        _backend.Linear(context, layer.Output, null, Activation.None, residual: hidden, hidden);

        normed = work.Normed.SliceRows(0, rows);
        var gateUp = work.GateUp.SliceRows(0, rows);
        var gated = work.Gated.SliceRows(0, rows);
        _backend.RmsNorm(hidden, layer.PostAttentionNorm, Config.RmsNormEpsilon, normed);
        _backend.Linear(normed, layer.GateUp, null, Activation.None, null, gateUp);
        _backend.GatedSilu(gateUp, gated);
        _backend.Linear(gated, layer.Down, null, Activation.None, residual: hidden, hidden);
        return hidden;
    }

    /// <summary>Turns query and key by their positions, and writes key and value to the cache.</summary>
    private void Append(int index, Tensor query, Tensor key, Tensor value, in Places places, KeyValueCache cache)
    {
        Tensor keys = cache.Keys(index), values = cache.Values(index);
        if (places.Step is { } step)
        {
            _backend.RotaryAppend(query, key, value, step, _inverseFrequencies, Config.HeadSize, keys, values);
            return;
        }

        _backend.RotaryAppend(
            query, key, value, places.Positions, _inverseFrequencies, Config.HeadSize,
            keys.SliceRows(cache.Length, query.Rows), values.SliceRows(cache.Length, query.Rows));
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
            Queries = query.Rows == 1 ? LlamaWorkspace.OneRow : places.Queries,
            Keys = places.Keys,
            Causal = true,
        });
    }

    /// <summary>Where the rows of a pass belong: known to the host for a prompt, read from the step for one token.</summary>
    private readonly ref struct Places
    {
        public Places(ReadOnlySpan<int> positions, Sequences queries, Sequences keys)
        {
            Positions = positions;
            (Queries, Keys) = (queries, keys);
        }

        public Places(DecodeStep step) => (Step, Queries, Keys) = (step, LlamaWorkspace.OneRow, LlamaWorkspace.OneRow);

        public readonly DecodeStep? Step;

        public readonly ReadOnlySpan<int> Positions;

        public readonly Sequences Queries;

        public readonly Sequences Keys;
    }

    /// <summary>Weights of one layer. Query, key and value stand below each other, gate and up too, so that one GEMM serves them.</summary>
    private sealed class Layer(Backend backend, LlamaConfig config, Checkpoint checkpoint, string prefix)
    {
        public readonly Tensor InputNorm = backend.LoadVector(checkpoint.Get(prefix + "input_layernorm.weight", config.HiddenSize));
        public readonly Matrix QueryKeyValue = backend.LoadMatrix(
            checkpoint.Get(prefix + "self_attn.q_proj.weight", config.Heads * config.HeadSize, config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.k_proj.weight", config.KeyValueHeads * config.HeadSize, config.HiddenSize),
            checkpoint.Get(prefix + "self_attn.v_proj.weight", config.KeyValueHeads * config.HeadSize, config.HiddenSize));
        public readonly Matrix Output = backend.LoadMatrix(checkpoint.Get(prefix + "self_attn.o_proj.weight", config.HiddenSize, config.Heads * config.HeadSize));
        public readonly Tensor PostAttentionNorm = backend.LoadVector(checkpoint.Get(prefix + "post_attention_layernorm.weight", config.HiddenSize));
        public readonly Matrix GateUp = backend.LoadMatrix(
            checkpoint.Get(prefix + "mlp.gate_proj.weight", config.IntermediateSize, config.HiddenSize),
            checkpoint.Get(prefix + "mlp.up_proj.weight", config.IntermediateSize, config.HiddenSize));
        public readonly Matrix Down = backend.LoadMatrix(checkpoint.Get(prefix + "mlp.down_proj.weight", config.HiddenSize, config.IntermediateSize));
    }
}
