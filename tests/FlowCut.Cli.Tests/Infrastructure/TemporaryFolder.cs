namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>A folder for one test, removed with everything in it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("flowcut-cli-tests-");

    public string FullPath => _folder.FullName;

    /// <summary>Names of all files below, hidden ones included, with '/'.</summary>
    public IReadOnlyList<string> Files =>
        [.. Directory.EnumerateFiles(FullPath, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
            .Select(f => Path.GetRelativePath(FullPath, f).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public string this[string relativePath] => Path.Combine(FullPath, relativePath);

    public string Write(string relativePath, byte[] bytes)
    {
        File.WriteAllBytes(this[relativePath], bytes);
        return this[relativePath];
    }

    public string MakeFolder(string relativePath) => Directory.CreateDirectory(this[relativePath]).FullName;

    /// <summary>Every file of <paramref name="source"/> in a new folder: links where the system allows them, else copies.</summary>
    public string Mirror(string source, string relativePath)
    {
        var target = MakeFolder(relativePath);
        foreach (var file in Directory.EnumerateFiles(source)) Link(file, Path.Combine(relativePath, Path.GetFileName(file)));
        return target;
    }

    public void Link(string file, string relativePath)
    {
        if (OperatingSystem.IsWindows()) File.Copy(file, this[relativePath]);
        else File.CreateSymbolicLink(this[relativePath], file);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
