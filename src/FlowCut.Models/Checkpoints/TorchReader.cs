using System.Collections.ObjectModel;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Reads what torch.save writes since PyTorch 1.6: a zip archive with a pickle of the state dict and one stored entry per
/// storage. The pickle runs on <see cref="TorchUnpickler"/>, which can make tensors and nothing else.
/// </summary>
internal static class TorchReader
{
    // torch.save before 1.6: a pickle (protocol 2) of the number 0x1950a86a20f9469cfc6c, then more pickles and raw storages
    private static ReadOnlySpan<byte> LegacySignature => [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    private const string PickleName = "data.pkl";

    // 700 tensors take 60 KB
    private const int MaxPickleLength = 1 << 26;

    /// <param name="path">As messages name the file.</param>
    /// <param name="target">The file to map, where <paramref name="path"/> is a resolved link.</param>
    /// <exception cref="ModelFormatException">The file is damaged, of another format, or holds more than dense tensors.</exception>
    public static Checkpoint Open(string path, string? target = null)
    {
        var file = MappedFile.Open(path, target);
        try
        {
            return Parse(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Open"/>; the checkpoint owns <paramref name="file"/> once it has been returned.</summary>
    internal static Checkpoint Parse(MappedFile file)
    {
        if (!StoredZip.HasSignature(file))
        {
            var legacy = file.Length >= LegacySignature.Length && file.Read(0, LegacySignature.Length, "the signature").SequenceEqual(LegacySignature);
            throw new ModelFormatException(file.Path, legacy
                ? "this is the format of PyTorch before 1.6, which is not read; load and save it with a current PyTorch, or convert it to safetensors"
                : "not a PyTorch checkpoint: it does not begin as a zip archive");
        }

        var zip = StoredZip.Read(file);
        var root = FindRoot(file, zip);
        CheckByteOrder(file, zip, root);
        var pickle = zip.Entries[root + PickleName];
        if (pickle.Length > MaxPickleLength)
            throw new ModelFormatException(file.Path, $"{PickleName} has {pickle.Length} bytes, the limit is {MaxPickleLength}");
        var result = new TorchUnpickler(file.Path, file.Read(pickle.Offset, (int)pickle.Length, PickleName)).Run();
        return new FileCheckpoint(file.Path, StateDict.Read(file, zip, root + "data/", result), ReadOnlyDictionary<string, string>.Empty, file);
    }

    /// <summary>All entries lie in one folder, whose name is free.</summary>
    private static string FindRoot(MappedFile file, StoredZip zip)
    {
        string? root = null;
        foreach (var name in zip.Entries.Keys)
        {
            if (!name.EndsWith("/" + PickleName, StringComparison.Ordinal)) continue;
            if (root is not null) throw new ModelFormatException(file.Path, $"the archive has more than one {PickleName}");
            root = name[..^PickleName.Length];
        }

        return root ?? throw new ModelFormatException(file.Path, $"not a PyTorch checkpoint: the archive has no {PickleName}");
    }

    private static void CheckByteOrder(MappedFile file, StoredZip zip, string root)
    {
        if (!zip.Entries.TryGetValue(root + "byteorder", out var entry)) return;
        if (!file.Read(entry.Offset, (int)Math.Min(entry.Length, 16), "the byte order").SequenceEqual("little"u8))
            throw new ModelFormatException(file.Path, "the byte order is not 'little'; save the checkpoint on a little-endian machine");
    }
}
