using FlowCut.Models.Backends;

namespace FlowCut.Models.Language;

/// <summary>Rotated keys and values of every decoder layer for the positions seen so far.</summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys, _values;

    internal KeyValueCache(Backend backend, LlamaConfig config, int capacity)
    {
        Capacity = capacity;
        _keys = new Tensor[config.Layers];
        _values = new Tensor[config.Layers];
        try
        {
            for (var i = 0; i < config.Layers; i++)
            {
                _keys[i] = backend.Allocate(capacity, config.KeyValueHeads * config.HeadSize);
                _values[i] = backend.Allocate(capacity, config.KeyValueHeads * config.HeadSize);
            }
        }
        catch
        {
            // what there was no room for must not keep the rest
            Dispose();
            throw;
        }
    }

    /// <summary>Tokens there is room for.</summary>
    public int Capacity { get; }

    /// <summary>Tokens held.</summary>
    public int Length { get; internal set; }

    public long Bytes => _keys.Sum(k => 2L * k.Rows * k.Columns * k.Buffer.ElementBytes);

    internal Tensor Keys(int layer) => _keys[layer];

    internal Tensor Values(int layer) => _values[layer];

    public void Dispose()
    {
        foreach (var tensor in _keys) tensor.Buffer?.Dispose();
        foreach (var tensor in _values) tensor.Buffer?.Dispose();
    }
}
