using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Checkpoints;

/// <summary>A set of named tensors. Owns the memory behind every <see cref="StoredTensor"/> it hands out. Safe to read from several threads.</summary>
public abstract class Checkpoint : IDisposable
{
    /// <summary>The file or folder that was opened, for messages.</summary>
    public abstract string Location { get; }

    public abstract IReadOnlyCollection<string> Names { get; }

    /// <summary>Bytes of tensor data, all files together.</summary>
    public abstract long TotalBytes { get; }

    public abstract bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor);

    /// <exception cref="ModelFormatException">There is no such tensor.</exception>
    public StoredTensor Get(string name) =>
        TryGet(name, out var tensor) ? tensor : throw new ModelFormatException(Location, $"tensor '{name}' is missing");

    /// <exception cref="ModelFormatException">There is no such tensor, or its shape differs.</exception>
    public StoredTensor Get(string name, params ReadOnlySpan<long> shape)
    {
        var tensor = Get(name);
        if (!shape.SequenceEqual(tensor.Shape))
            throw new ModelFormatException(tensor.File, $"tensor '{name}' has shape [{string.Join(", ", tensor.Shape)}], the configuration says [{string.Join(", ", shape.ToArray())}]");
        return tensor;
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
