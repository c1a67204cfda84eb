namespace FlowCut.Models.Checkpoints;

/// <summary>Turns an unpickled state dict into views of the archive's storages, each checked against its storage.</summary>
internal static class StateDict
{
    /// <summary>
    /// Takes the tensors of the pickle's dict, or, if it has none of its own, of the one dict in it that has some
    /// (training frameworks save <c>{"state_dict": …, "epoch": …}</c>). Values that are not tensors are left out.
    /// </summary>
    /// <exception cref="ModelFormatException">There are no tensors, or one is not dense or leaves its storage.</exception>
    public static Dictionary<string, StoredTensor> Read(MappedFile file, StoredZip zip, string storageFolder, object? root)
    {
        var dict = FindStateDict(file, root);
        var tensors = new Dictionary<string, StoredTensor>(dict.Pairs.Count, StringComparer.Ordinal);
        foreach (var (key, value) in dict.Pairs)
        {
            if (value is not PickleTensor tensor) continue;
            if (key is not string name) throw new ModelFormatException(file.Path, "the state dict has a tensor whose key is not a string");
            if (!tensors.TryAdd(name, View(file, zip, storageFolder, name, tensor)))
                throw new ModelFormatException(file.Path, $"the state dict has {Quoted.Text(name)} twice");
        }

        return tensors;
    }

    private static PickleDict FindStateDict(MappedFile file, object? root)
    {
        if (root is not PickleDict dict) throw new ModelFormatException(file.Path, "the checkpoint is not a dict of tensors");
        if (dict.HasTensors) return dict;
        PickleDict? found = null;
        foreach (var (key, value) in dict.Pairs)
        {
            if (value is not PickleDict { HasTensors: true } inner) continue;
            if (found is not null)
                throw new ModelFormatException(file.Path, $"the checkpoint has more than one dict of tensors (the second is {Quoted.Text(key as string ?? "?")}); save the state dict by itself");
            found = inner;
        }

        return found ?? throw new ModelFormatException(file.Path, "the checkpoint has no tensors");
    }

    private static StoredTensor View(MappedFile file, StoredZip zip, string storageFolder, string name, PickleTensor tensor)
    {
        var (storage, offset, shape, strides) = tensor;
        if (!zip.Entries.TryGetValue(storageFolder + storage.Key, out var entry))
            throw Wrong($"needs the storage {Quoted.Text(storage.Key)}, which the archive does not have");
        var elementBytes = storage.Element.Bits / 8;
        if ((Int128)storage.Length * elementBytes != entry.Length)
            throw Wrong($"needs a storage of {storage.Length} {storage.Element.Name} elements, {Quoted.Text(storage.Key)} has {entry.Length} bytes");
        if (shape.Length != strides.Length) throw Wrong($"has {shape.Length} extents and {strides.Length} strides");
        if (!StoredTypes.TryByteLength(shape, storage.Element.Bits, out var byteLength)) throw Wrong($"has the shape [{string.Join(", ", shape)}], which overflows");
        if (!IsContiguous(shape, strides))
            throw Wrong($"of shape [{string.Join(", ", shape)}] has the strides [{string.Join(", ", strides)}]: only row-major tensors are read, call .contiguous() before saving");

        // in elements; the storage's bytes have been found to fit into the file
        var count = byteLength / elementBytes;
        if (offset < 0 || count > storage.Length || offset > storage.Length - count)
            throw Wrong($"takes {count} elements from {offset} on, its storage {Quoted.Text(storage.Key)} has {storage.Length}");
        return new StoredTensor(name, file, storage.Element, shape, entry.Offset + offset * elementBytes, byteLength);

        ModelFormatException Wrong(string what) => new(file.Path, $"tensor {Quoted.Text(name)} {what}");
    }

    /// <summary>The stride of an extent of 1 is never used, and a tensor without elements has no order.</summary>
    private static bool IsContiguous(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        if (shape.Contains(0)) return true;
        long expected = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] == 1) continue;
            if (strides[i] != expected) return false;
            expected *= shape[i];
        }

        return true;
    }
}
