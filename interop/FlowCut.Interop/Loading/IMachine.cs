namespace FlowCut.Interop;

/// <summary>What the search for libraries sees of a machine.</summary>
internal interface IMachine
{
    bool IsWindows { get; }

    /// <summary>An environment variable; null or empty: not set.</summary>
    string? Variable(string name);

    bool FileExists(string path);

    bool FolderExists(string path);

    /// <summary>Full paths of a folder's folders whose names match, by name; none where the folder cannot be read.</summary>
    IReadOnlyList<string> Folders(string parent, string pattern);
}

/// <summary>The machine that the process runs on.</summary>
internal sealed class ThisMachine : IMachine
{
    public static ThisMachine Instance { get; } = new();

    public bool IsWindows => OperatingSystem.IsWindows();

    public string? Variable(string name) => Environment.GetEnvironmentVariable(name);

    public bool FileExists(string path) => File.Exists(path);

    public bool FolderExists(string path) => Directory.Exists(path);

    public IReadOnlyList<string> Folders(string parent, string pattern)
    {
        try
        {
            return Directory.Exists(parent) ? [.. Directory.GetDirectories(parent, pattern).Order(StringComparer.Ordinal)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
