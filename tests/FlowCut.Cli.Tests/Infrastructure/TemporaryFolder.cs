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

    public string Write(string relativePath, params byte[] bytes)
    {
        File.WriteAllBytes(this[relativePath], bytes);
        return this[relativePath];
    }

    public string MakeFolder(string relativePath) => Directory.CreateDirectory(this[relativePath]).FullName;

    /// <summary>Copies the files of <paramref name="source"/> into a new folder, all but those of the given names.</summary>
    public string CopyFolder(string source, string relativePath, params string[] without)
    {
        var target = MakeFolder(relativePath);
        foreach (var file in Directory.EnumerateFiles(source))
        {
            if (!without.Contains(Path.GetFileName(file))) Copy(file, Path.Combine(relativePath, Path.GetFileName(file)));
        }

        return target;
    }

    public void Copy(string file, string relativePath)
    {
        // by contents: the source may be read-only, and the copy must be removable
        using var input = File.OpenRead(file);
        using var output = File.Create(this[relativePath]);
        input.CopyTo(output);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
