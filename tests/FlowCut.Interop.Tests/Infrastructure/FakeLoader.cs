namespace FlowCut.Interop.Tests.Infrastructure;

/// <summary>A loader with the libraries that a test gives it: names and what they export.</summary>
internal sealed class FakeLoader : INativeLoader
{
    private readonly List<(string Name, IReadOnlyDictionary<string, nint> Exports)> _libraries = [];

    /// <summary>Every name that was asked for, in order.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>Files behind bare names.</summary>
    public Dictionary<string, string> Paths { get; } = [];

    public FakeLoader Add(string name, IReadOnlyDictionary<string, nint> exports)
    {
        _libraries.Add((name, exports));
        return this;
    }

    public nint Load(string name, out string words)
    {
        Asked.Add(name);
        var found = _libraries.FindIndex(library => library.Name == name);
        words = found < 0 ? $"{name}: cannot open shared object file" : "loaded";
        return found + 1;
    }

    public nint Export(nint library, string symbol) => _libraries[(int)library - 1].Exports.GetValueOrDefault(symbol);

    public string? PathOf(nint library, string symbol) => Paths.GetValueOrDefault(_libraries[(int)library - 1].Name);
}
