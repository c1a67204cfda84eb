namespace FlowCut.Models.Checkpoints;

/// <summary>Finds the checkpoint of a model folder by the names that Hugging Face and PyTorch use.</summary>
internal static class CheckpointFolder
{
    public const string IndexSuffix = ".index.json";

    private const string Safetensors = "model.safetensors";
    private const string Torch = "pytorch_model.bin";

    private static readonly string[] s_names = [Safetensors, Safetensors + IndexSuffix, Torch, Torch + IndexSuffix];

    /// <summary>Whether a model folder has weights, and not a configuration alone.</summary>
    public static bool HasWeights(string folder) => s_names.Any(name => File.Exists(Path.Combine(folder, name)));

    public static Checkpoint Open(string path)
    {
        if (!Directory.Exists(path))
            return File.Exists(path) ? OpenFile(path) : throw new ModelFormatException(path, "no such file or folder");
        foreach (var name in s_names)
        {
            var file = Path.Combine(path, name);
            if (File.Exists(file)) return OpenFile(file);
        }

        throw new ModelFormatException(path, $"the folder has no checkpoint; looked for {string.Join(", ", s_names)}");
    }

    private static Checkpoint OpenFile(string path)
    {
        if (!path.EndsWith(IndexSuffix, StringComparison.Ordinal)) return IsTorch(path) ? TorchReader.Open(path) : SafetensorsReader.Open(path);
        return IsTorch(path[..^IndexSuffix.Length]) ? ShardIndex.Open(path, TorchReader.Open) : ShardIndex.Open(path, SafetensorsReader.Open);
    }

    private static bool IsTorch(string path) => Path.GetExtension(path) is ".bin" or ".pt" or ".pth";
}
