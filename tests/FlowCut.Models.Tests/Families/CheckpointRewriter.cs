using System.Text.Json.Nodes;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Families;

/// <summary>A model folder written again in another layout: tensors renamed, split or joined, the configuration changed, the other files as they were.</summary>
internal sealed class CheckpointRewriter : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("flowcut-layout-").FullName;

    private CheckpointRewriter() => Directory.CreateDirectory(Folder);

    /// <summary>The new model.</summary>
    public string Folder => Path.Combine(_root, "model");

    /// <param name="source">A folder with one model.safetensors.</param>
    /// <param name="tensor">What becomes of a tensor.</param>
    /// <param name="config">From the old configuration, which it may change.</param>
    public static CheckpointRewriter Write(string source, Func<string, TensorData, IEnumerable<(string Name, TensorData Data)>> tensor, Func<JsonObject, JsonObject> config)
    {
        var rewriter = new CheckpointRewriter();
        foreach (var file in Directory.EnumerateFiles(source).Where(f => Path.GetExtension(f) != ".safetensors"))
            File.WriteAllBytes(Path.Combine(rewriter.Folder, Path.GetFileName(file)), File.ReadAllBytes(file));
        rewriter.Replace("config.json", config);
        using var checkpoint = Checkpoint.Open(source);
        var tensors = checkpoint.Names
            .SelectMany(name => tensor(name, new TensorData(checkpoint.Get(name).Type, checkpoint.Get(name).Shape, checkpoint.Get(name).Bytes.ToArray())))
            .ToDictionary(t => t.Name, t => t.Data);
        SafetensorsWriter.Write(Path.Combine(rewriter.Folder, "model.safetensors"), tensors);
        return rewriter;
    }

    /// <summary>Changes a JSON file of the new model.</summary>
    public void Replace(string file, Func<JsonObject, JsonObject> change)
    {
        var path = Path.Combine(Folder, file);
        File.WriteAllText(path, change(JsonNode.Parse(File.ReadAllText(path))!.AsObject()).ToJsonString());
    }

    /// <summary>Rows of a matrix or vector.</summary>
    public static TensorData Rows(TensorData data, IEnumerable<int> rows)
    {
        var size = data.Bytes.Length / (int)data.Shape[0];
        var chosen = rows.ToArray();
        var bytes = new byte[chosen.Length * size];
        for (var i = 0; i < chosen.Length; i++) data.Bytes.Slice(chosen[i] * size, size).CopyTo(bytes.AsMemory(i * size));
        return new TensorData(data.Type, [chosen.Length, .. data.Shape[1..]], bytes);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
