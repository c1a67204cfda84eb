namespace FlowCut.Models.Tests.Tokenization;

/// <summary>A folder of tokenizer files that is deleted at the end of a test.</summary>
internal sealed class TokenizerFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("flowcut-tokenizer-").FullName;

    /// <summary>Copies a golden folder's files except those named.</summary>
    public static TokenizerFolder CopyOf(string golden, params string[] without)
    {
        var folder = new TokenizerFolder();
        foreach (var file in Directory.GetFiles(FlowCut.Testing.Goldens.Require(golden)))
        {
            var name = System.IO.Path.GetFileName(file);
            if (!without.Contains(name)) System.IO.File.Copy(file, folder.File(name));
        }

        return folder;
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Write(string name, byte[] bytes) => System.IO.File.WriteAllBytes(File(name), bytes);

    public void Write(string name, string text) => System.IO.File.WriteAllText(File(name), text);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
