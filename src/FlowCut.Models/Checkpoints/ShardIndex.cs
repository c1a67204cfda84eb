using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Unicode;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// A checkpoint in several files: <c>{"metadata": …, "weight_map": {tensor: file}}</c>. The index decides: a tensor that it
/// names must be in the file that it names, a tensor that it does not name is not part of the checkpoint.
/// </summary>
/// <remarks>
/// A shard is a plain name in the index's folder. A symbolic link is followed only within that folder, or, in a cache laid
/// out as <c>snapshots/REVISION</c> beside <c>blobs</c> (Hugging Face hub: every file is such a link), into those blobs.
/// </remarks>
internal static class ShardIndex
{
    private const int MaxIndexLength = 100_000_000;
    private const int MaxShards = 10_000;
    private const int MaxDepth = 64;

    /// <param name="path">The index file.</param>
    /// <param name="openShard">Opens one shard: path for messages, file to read.</param>
    /// <exception cref="ModelFormatException">The index or a shard is damaged, missing, or outside the folder.</exception>
    public static Checkpoint Open(string path, Func<string, string?, Checkpoint> openShard)
    {
        Dictionary<string, string> weightMap;
        using (var index = MappedFile.Open(path)) weightMap = Read(index);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var shards = new Dictionary<string, Checkpoint>(StringComparer.Ordinal);
        try
        {
            var tensors = new Dictionary<string, StoredTensor>(weightMap.Count, StringComparer.Ordinal);
            foreach (var (name, file) in weightMap)
            {
                if (!shards.TryGetValue(file, out var shard))
                {
                    if (shards.Count == MaxShards) throw new ModelFormatException(path, $"the index names more than {MaxShards} files");
                    shard = openShard(Path.Combine(Path.GetDirectoryName(path) ?? "", file), Resolve(path, folder, file, name));
                    shards.Add(file, shard);
                }

                tensors.Add(name, shard.TryGet(name, out var tensor)
                    ? tensor
                    : throw new ModelFormatException(shard.Location, $"tensor {Quoted.Text(name)} is missing: {Path.GetFileName(path)} says that this file has it"));
            }

            return new FileCheckpoint(path, tensors, ReadOnlyDictionary<string, string>.Empty, [.. shards.Values]);
        }
        catch
        {
            foreach (var shard in shards.Values) shard.Dispose();
            throw;
        }
    }

    /// <returns>Tensor → file.</returns>
    internal static Dictionary<string, string> Read(MappedFile file)
    {
        var path = file.Path;
        if (file.Length > MaxIndexLength) throw new ModelFormatException(path, $"the index has {file.Length} bytes, the limit is {MaxIndexLength}");
        var json = file.Read(0, (int)file.Length, "the index");
        if (!Utf8.IsValid(json)) throw new ModelFormatException(path, "the index is not valid UTF-8");
        try
        {
            return Parse(path, json);
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(path, $"the index is not valid JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // Utf8JsonReader's answer to an escaped half of a surrogate pair
            throw new ModelFormatException(path, $"the index has a string that is not valid Unicode: {e.Message}", e);
        }
    }

    private static Dictionary<string, string> Parse(string path, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        Dictionary<string, string>? weightMap = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new ModelFormatException(path, "the index is not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap)
            {
                reader.Skip();
                continue;
            }

            if (weightMap is not null) throw new ModelFormatException(path, "the index has 'weight_map' twice");
            weightMap = ParseMap(path, ref reader);
        }

        reader.Read();
        return weightMap is { Count: > 0 } ? weightMap : throw new ModelFormatException(path, "the index has no 'weight_map', or an empty one");
    }

    private static Dictionary<string, string> ParseMap(string path, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new ModelFormatException(path, "'weight_map' in the index is not an object");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (map.Count == SafetensorsReader.MaxTensors) throw new ModelFormatException(path, $"the index names more than {SafetensorsReader.MaxTensors} tensors");
            var name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw new ModelFormatException(path, $"the index has something else than a file name for tensor {Quoted.Text(name)}");
            if (!map.TryAdd(name, reader.GetString()!)) throw new ModelFormatException(path, $"the index has tensor {Quoted.Text(name)} twice");
        }

        return map;
    }

    /// <returns>The file to open, links resolved.</returns>
    private static string Resolve(string path, string folder, string file, string tensor)
    {
        // ':' would name a drive or a stream on Windows
        if (file is "" or "." or ".." || file.AsSpan().IndexOfAny("/\\:\0") >= 0)
            throw new ModelFormatException(path, $"the index puts tensor {Quoted.Text(tensor)} into {Quoted.Text(file)}, which is not a plain file name");
        var shard = Path.Combine(Target(folder), file);
        if (!File.Exists(shard)) throw new ModelFormatException(Path.Combine(folder, file), $"the shard is missing: {Path.GetFileName(path)} needs it for tensor {Quoted.Text(tensor)}");

        var target = Target(shard);
        if (target != shard && !IsInside(Path.GetDirectoryName(target), Path.GetDirectoryName(shard)!))
            throw new ModelFormatException(Path.Combine(folder, file), $"the shard is a link to '{target}', outside its folder; copy the file, or name it in the index where it is");
        return target;
    }

    /// <summary>Follows links to their end; a path that is no link is returned as it is.</summary>
    private static string Target(string path)
    {
        try
        {
            FileSystemInfo info = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
            return info.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException e)
        {
            throw new ModelFormatException(path, $"the link cannot be followed: {e.Message}", e);
        }
    }

    private static bool IsInside(string? targetFolder, string folder)
    {
        if (targetFolder == folder) return true;
        var snapshots = Path.GetDirectoryName(folder);
        return Path.GetFileName(snapshots) == "snapshots" && targetFolder == Path.Combine(Path.GetDirectoryName(snapshots)!, "blobs");
    }
}
