namespace FlowCut.Kernels.Caching;

/// <summary>Where the cache lies and how it is kept small.</summary>
internal static class CacheFolder
{
    public const string TemporaryExtension = ".tmp";

    /// <summary>A temporary file as old as this was left by a process that died.</summary>
    private static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    /// <summary>The folder that the environment asks for; null where it names none.</summary>
    public static string? Find(Func<string, string?> variable)
    {
        if (variable(KernelCache.FolderVariable) is { Length: > 0 } chosen) return chosen;
        if (OperatingSystem.IsWindows())
            return variable("LOCALAPPDATA") is { Length: > 0 } local ? Path.Combine(local, "FlowCut", "kernels") : null;
        // the XDG specification: a relative path is to be ignored
        if (variable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache)) return Path.Combine(cache, "flowcut", "kernels");
        return variable("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache", "flowcut", "kernels") : null;
    }

    /// <summary>Creates the folder for this user alone: what lies in it is code that will be run.</summary>
    public static void Create(string folder)
    {
        if (Directory.Exists(folder)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Deletes the oldest entries until the rest fits, and what dead processes left.</summary>
    public static void Trim(string folder, long maxBytes)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var files = new DirectoryInfo(folder).GetFiles();
        foreach (var file in files.Where(f => f.Extension == TemporaryExtension && now - f.LastWriteTimeUtc > s_abandoned)) TryDelete(file);

        var bytes = files.Sum(Length);
        if (bytes <= maxBytes) return;
        var entries = files.Where(f => f.Extension != TemporaryExtension).GroupBy(f => Path.GetFileNameWithoutExtension(f.Name));
        foreach (var entry in entries.OrderBy(e => e.Min(f => f.LastWriteTimeUtc)).ThenBy(e => e.Key, StringComparer.Ordinal))
        {
            if (bytes <= maxBytes) return;
            bytes -= entry.Sum(Length);
            // the note first: a payload without one is a miss
            foreach (var file in entry.OrderByDescending(f => f.Extension == ".json")) TryDelete(file);
        }
    }

    private static long Length(FileInfo file) => file.Exists ? file.Length : 0;

    private static void TryDelete(FileInfo file)
    {
        try
        {
            file.Delete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // another process has it open, or was faster
        }
    }
}
