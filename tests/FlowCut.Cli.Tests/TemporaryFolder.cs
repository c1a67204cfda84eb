using System.Text.Json.Nodes;

namespace FlowCut.Cli.Tests;

/// <summary>A folder of its own for a test, gone afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    /// <summary>A copy of a model folder.</summary>
    public string CopyModel(string source, string name = "model")
    {
        var copy = Directory.CreateDirectory(File(name)).FullName;
        foreach (var file in Directory.GetFiles(source)) System.IO.File.Copy(file, System.IO.Path.Combine(copy, System.IO.Path.GetFileName(file)));
        return copy;
    }

    /// <summary>Nothing but <paramref name="expected"/> lies in the folder: no output and no temporary file was left.</summary>
    public void AssertHolds(params string[] expected) =>
        Assert.Equal(expected.Order(StringComparer.Ordinal), Directory.GetFileSystemEntries(Path).Select(p => System.IO.Path.GetFileName(p)!).Order(StringComparer.Ordinal));

    public static void EditJson(string file, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(System.IO.File.ReadAllBytes(file))!.AsObject();
        edit(json);
        System.IO.File.WriteAllText(file, json.ToJsonString());
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
