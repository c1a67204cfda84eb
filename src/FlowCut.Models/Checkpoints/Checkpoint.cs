using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// A set of named tensors. Owns the memory behind every <see cref="StoredTensor"/> it hands out: a file is mapped, not read,
/// and stays mapped until <see cref="Dispose()"/>. Safe to read from several threads. A file that shrinks while it is mapped
/// ends the process, as with every mapped file; replacing it by a rename (as <see cref="SafetensorsWriter"/> does) is harmless.
/// </summary>
public abstract class Checkpoint : IDisposable
{
    /// <summary>
    /// Opens the checkpoint of a model folder: <c>model.safetensors</c>, else <c>model.safetensors.index.json</c> and its shards,
    /// else <c>pytorch_model.bin</c>, else <c>pytorch_model.bin.index.json</c> and its shards; or one such file by its path.
    /// Only headers are read, so that the time does not depend on the size of the data.
    /// </summary>
    /// <exception cref="ModelFormatException">Nothing of the kind is there, or a file is damaged, cannot be read, or holds more than tensors.</exception>
    public static Checkpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return CheckpointFolder.Open(path);
    }

    /// <summary>The file or folder that was opened, for messages.</summary>
    public abstract string Location { get; }

    public abstract IReadOnlyCollection<string> Names { get; }

    /// <summary>Bytes of tensor data, all files together.</summary>
    public abstract long TotalBytes { get; }

    /// <summary>The text pairs that a safetensors file may carry (<c>__metadata__</c>); empty for other formats and for several files.</summary>
    public virtual IReadOnlyDictionary<string, string> Metadata => ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Told the bytes of each tensor that <see cref="Get(string, ReadOnlySpan{long})"/> hands out: how far loading is.</summary>
    internal Action<long>? Taken { get; set; }

    public abstract bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor);

    /// <exception cref="ModelFormatException">There is no such tensor.</exception>
    public StoredTensor Get(string name) =>
        TryGet(name, out var tensor) ? tensor : throw new ModelFormatException(Location, $"tensor {Quoted.Text(name)} is missing");

    /// <summary>A tensor of a shape that is known; extents of 1 in front of it do not matter.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape differs.</exception>
    public StoredTensor Get(string name, params ReadOnlySpan<long> shape)
    {
        Provide(name, shape);
        var tensor = Get(name);
        var front = Math.Max(0, tensor.Shape.Length - shape.Length);
        if (!shape.SequenceEqual(tensor.Shape.AsSpan(front)) || tensor.Shape.AsSpan(0, front).ContainsAnyExcept(1L))
            throw new ModelFormatException(tensor.File, $"tensor {Quoted.Text(name)} has shape [{string.Join(", ", tensor.Shape)}], the configuration says [{string.Join(", ", shape.ToArray())}]");
        Taken?.Invoke(tensor.ByteLength);
        return tensor;
    }

    /// <summary>Where tensors are made when they are asked for.</summary>
    private protected virtual void Provide(string name, ReadOnlySpan<long> shape) { }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
