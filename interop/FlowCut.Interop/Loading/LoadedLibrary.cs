namespace FlowCut.Interop;

/// <summary>
/// A native library that is in the process, and how it got there. It is never unloaded: the driver has threads of its own, and
/// finalisers may still release objects when nobody else refers to the library.
/// </summary>
internal sealed class LoadedLibrary(INativeLoader loader, nint handle, string path, IReadOnlyList<LoadAttempt> attempts)
{
    /// <summary>The file, or the bare name where the file behind it could not be found out.</summary>
    public string Path { get; } = path;

    /// <summary>Every name that was tried, up to the one that succeeded.</summary>
    public IReadOnlyList<LoadAttempt> Attempts { get; } = attempts;

    /// <summary>Address of an entry point; 0: the library does not have it.</summary>
    public nint Export(string symbol) => loader.Export(handle, symbol);

    /// <summary>Looks up all entry points; the missing ones stay zero.</summary>
    public unsafe TFunctions Bind<TFunctions>(out IReadOnlyList<string> missing)
        where TFunctions : unmanaged, INativeFunctions
    {
        var symbols = TFunctions.Symbols;
        if (symbols.Length * sizeof(nint) != sizeof(TFunctions)) throw new InvalidOperationException($"{typeof(TFunctions).Name} does not list its fields.");
        TFunctions functions = default;
        var slots = new Span<nint>(&functions, symbols.Length);
        var absent = new List<string>();
        for (var i = 0; i < symbols.Length; i++)
        {
            slots[i] = Export(symbols[i]);
            if (slots[i] == 0) absent.Add(symbols[i]);
        }

        missing = absent;
        return functions;
    }
}
