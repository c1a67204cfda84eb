using FlowCut.Models.Backends;

namespace FlowCut.Models.Language;

/// <summary>Rotated keys and values of every decoder layer for the tokens seen so far. Layers behind one that dropped tokens hold fewer.</summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys, _values;
    private readonly int[] _lengths;

    /// <param name="backend">Allocates it.</param>
    /// <param name="config">Of the decoder.</param>
    /// <param name="capacities">Tokens there is room for, of each layer.</param>
    internal KeyValueCache(Backend backend, LanguageConfig config, ReadOnlySpan<int> capacities)
    {
        _keys = new Tensor[config.Layers];
        _values = new Tensor[config.Layers];
        _lengths = new int[config.Layers];
        try
        {
            for (var i = 0; i < config.Layers; i++)
            {
                _keys[i] = backend.Allocate(capacities[i], config.KeyValueHeads * config.HeadSize);
                _values[i] = backend.Allocate(capacities[i], config.KeyValueHeads * config.HeadSize);
            }
        }
        catch
        {
            // what there was no room for must not keep the rest
            Dispose();
            throw;
        }
    }

    /// <summary>Tokens there is room for in the first layer, which has the most.</summary>
    public int Capacity => _keys[0].Rows;

    /// <summary>Tokens held by the first layer.</summary>
    public int Length => _lengths[0];

    public long Bytes => _keys.Sum(k => 2L * k.Rows * k.Columns * k.Buffer.ElementBytes);

    /// <summary>Tokens held by a layer.</summary>
    public int LengthOf(int layer) => _lengths[layer];

    internal Tensor Keys(int layer) => _keys[layer];

    internal Tensor Values(int layer) => _values[layer];

    /// <summary>Counts rows that were written.</summary>
    internal void Advance(int firstLayer, int endLayer, int rows)
    {
        for (var i = firstLayer; i < endLayer; i++) _lengths[i] += rows;
    }

    public void Dispose()
    {
        foreach (var tensor in _keys) tensor.Buffer?.Dispose();
        foreach (var tensor in _values) tensor.Buffer?.Dispose();
    }
}
