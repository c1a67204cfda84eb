namespace FlowCut.Models.Vision;

/// <summary>What strategies need beside a model, another network say: loaded when the first of them asks, shared by all, gone with the encoder.</summary>
internal sealed class LoadedOnce : IDisposable
{
    private readonly Dictionary<(Type Type, string Name), IDisposable> _loaded = [];

    /// <param name="name">Tells those of a type apart.</param>
    /// <param name="load">Called where there is none yet; what it throws is thrown again by the next call.</param>
    public T Get<T>(string name, Func<T> load)
        where T : class, IDisposable
    {
        if (_loaded.TryGetValue((typeof(T), name), out var known)) return (T)known;
        var loaded = load();
        _loaded.Add((typeof(T), name), loaded);
        return loaded;
    }

    public void Dispose()
    {
        foreach (var loaded in _loaded.Values) loaded.Dispose();
        _loaded.Clear();
    }
}
