namespace FlowCut.Interop;

/// <summary>Tries candidates in their order until one can be used, and keeps account of what was tried.</summary>
internal sealed class LibraryResolver(IMachine machine, INativeLoader loader)
{
    /// <param name="kind">What is wanted.</param>
    /// <param name="driverVersion">What the driver supports, as 1000·major + 10·minor; null: there is no driver to agree with.</param>
    /// <exception cref="CudaNotAvailableException">No candidate can be used.</exception>
    public LoadedLibrary Load(NativeLibraryKind kind, int? driverVersion) => Load(kind, LibraryCandidates.For(kind, machine), driverVersion, kind.Advice());

    /// <summary>The library that a simulator's file stands in for.</summary>
    /// <exception cref="CudaNotAvailableException">The file is not a simulator that has this library.</exception>
    public LoadedLibrary LoadSimulated(NativeLibraryKind kind, LibraryCandidate simulator) => Load(kind, [simulator], null, NativeLibraryKind.Simulator.Advice());

    private LoadedLibrary Load(NativeLibraryKind kind, IReadOnlyList<LibraryCandidate> candidates, int? driverVersion, string advice)
    {
        var attempts = new List<LoadAttempt>();
        foreach (var candidate in candidates)
        {
            if (Try(kind, candidate, driverVersion, attempts) is { } library) return library;
        }

        throw new CudaNotAvailableException(kind.DisplayName(), attempts, advice);
    }

    private LoadedLibrary? Try(NativeLibraryKind kind, LibraryCandidate candidate, int? driverVersion, List<LoadAttempt> attempts)
    {
        void Record(bool succeeded, string outcome) => attempts.Add(new LoadAttempt(candidate.Name, candidate.Place, succeeded, outcome));

        if (candidate.Major > driverVersion / 1000)
        {
            Record(false, $"not tried: it is of CUDA {candidate.Major}, and the driver supports only CUDA {driverVersion / 1000}.{driverVersion % 1000 / 10}");
            return null;
        }

        if (candidate.IsPath && !machine.FileExists(candidate.Name))
        {
            Record(false, "no such file");
            return null;
        }

        var handle = loader.Load(candidate.Name, out var words);
        if (handle == 0)
        {
            Record(false, words);
            return null;
        }

        foreach (var symbol in kind.EssentialSymbols())
        {
            if (loader.Export(handle, symbol) != 0) continue;
            Record(false, $"loaded, but it does not export '{symbol}': it is not what its name says");
            return null;
        }

        var path = candidate.IsPath ? candidate.Name : loader.PathOf(handle, kind.EssentialSymbols()[0]) ?? candidate.Name;
        var library = new LoadedLibrary(loader, handle, path, attempts);
        var own = attempts.Count;
        var problem = kind == NativeLibraryKind.Nvrtc && candidate.Major != 0 ? LoadBuiltins(library, candidate, attempts) : null;
        var outcome = problem ?? (candidate.Name == path ? "loaded" : $"loaded {path}");
        attempts.Insert(own, new LoadAttempt(candidate.Name, candidate.Place, problem is null, outcome));
        return problem is null ? library : null;
    }

    /// <summary>
    /// NVRTC opens its builtins library by its bare name at the first compilation, and NVRTC 13 does not look beside itself. Once the
    /// library is in the process, the loader finds it under that name wherever it came from.
    /// </summary>
    /// <returns>Null: the compiler is complete; else why it cannot be used.</returns>
    private string? LoadBuiltins(LoadedLibrary nvrtc, LibraryCandidate candidate, List<LoadAttempt> attempts)
    {
        string file;
        try
        {
            file = NativeLibraryKinds.BuiltinsFileName(new NvrtcApi(nvrtc).Version(), machine.IsWindows);
        }
        catch (NativeCudaException e)
        {
            return $"loaded, but it does not tell its version: {e.Message}";
        }

        var folder = nvrtc.Path[..(nvrtc.Path.LastIndexOfAny(['/', '\\']) + 1)];
        if (folder.Length > 0 && TryBuiltins(folder + file, "beside NVRTC", attempts)) return null;
        // A library that somebody put into a folder of its own is not completed from elsewhere.
        if (!candidate.IsPath && TryBuiltins(file, "the loader's search path", attempts)) return null;
        return "loaded, but it cannot compile without its builtins library, which follows";
    }

    private bool TryBuiltins(string name, string place, List<LoadAttempt> attempts)
    {
        var words = "no such file";
        var loaded = (name.IndexOfAny(['/', '\\']) < 0 || machine.FileExists(name)) && loader.Load(name, out words) != 0;
        attempts.Add(new LoadAttempt(name, place, loaded, words));
        return loaded;
    }
}
