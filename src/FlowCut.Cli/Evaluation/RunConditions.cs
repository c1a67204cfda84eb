using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>What answers depend on besides method, its options, budget and question: answers of different conditions are never put into one table.</summary>
internal sealed class RunConditions
{
    private readonly List<(string Name, string Value)> _values = [];

    public void Add(string name, string value) => _values.Add((name, value));

    /// <summary>A file's contents, whatever its name.</summary>
    public void AddFile(string name, string? path)
    {
        if (path is null) return;
        using var file = File.OpenRead(path);
        Add(name, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    /// <summary>Compares them with those in a file; where there is none yet, writes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="begun">Whether there are answers already.</param>
    /// <exception cref="InputException">They differ; the message says in what.</exception>
    public void CheckOrWrite(string path, bool begun)
    {
        if (!File.Exists(path))
        {
            if (begun) throw new InputException($"{path} is missing, so it is not known how the answers beside it were made; give another --out");
            OutputFile.WriteText(path, ToJson());
            return;
        }

        var before = JsonSource.Document(path);
        foreach (var (name, value) in _values)
        {
            var was = before.OptionalText(name);
            if (was != value) throw new InputException($"{path}: the answers there were made with {name} '{was}', now it is '{value}'; give the same as then, or another --out");
        }
    }

    private string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            foreach (var (name, value) in _values) json.WriteString(name, value);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
