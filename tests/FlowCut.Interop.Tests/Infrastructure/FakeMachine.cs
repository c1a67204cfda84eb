namespace FlowCut.Interop.Tests.Infrastructure;

/// <summary>A machine with the variables and files that a test gives it.</summary>
internal sealed class FakeMachine(bool windows, params string[] files) : IMachine
{
    private readonly char _separator = windows ? '\\' : '/';

    public Dictionary<string, string> Variables { get; } = [];

    public bool IsWindows => windows;

    public string? Variable(string name) => Variables.GetValueOrDefault(name);

    public bool FileExists(string path) => files.Contains(path);

    public bool FolderExists(string path) => files.Any(file => file.StartsWith(path + _separator, StringComparison.Ordinal));

    public IReadOnlyList<string> Folders(string parent, string pattern)
    {
        var prefix = pattern.TrimEnd('*');
        return
        [
            .. files.Where(file => file.StartsWith(parent + _separator, StringComparison.Ordinal))
                .Select(file => file[(parent.Length + 1)..])
                .Where(rest => rest.Contains(_separator, StringComparison.Ordinal) && rest.StartsWith(prefix, StringComparison.Ordinal))
                .Select(rest => parent + _separator + rest[..rest.IndexOf(_separator, StringComparison.Ordinal)])
                .Distinct().Order(StringComparer.Ordinal),
        ];
    }
}
