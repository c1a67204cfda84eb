using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Several checkpoints as one, under other names: an original LLaVA folder and its separate CLIP folder, or one checkpoint
/// whose names are brought to one scheme. Owns its parts.
/// </summary>
public sealed class CompositeCheckpoint : Checkpoint
{
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Checkpoint[] _parts;

    /// <param name="parts">Each with the name that a stored name becomes; null leaves the tensor out.</param>
    /// <exception cref="ModelFormatException">Two tensors get the same name. The parts are disposed.</exception>
    public CompositeCheckpoint(params (Checkpoint Checkpoint, Func<string, string?> Rename)[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        _parts = [.. parts.Select(part => part.Checkpoint)];
        Location = string.Join(" + ", _parts.Select(part => part.Location));
        try
        {
            foreach (var (checkpoint, rename) in parts)
            {
                foreach (var stored in checkpoint.Names)
                {
                    if (rename(stored) is { } name) Add(name, checkpoint.Get(stored));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Location { get; }

    public override IReadOnlyCollection<string> Names => _tensors.Keys;

    public override long TotalBytes => _tensors.Values.Sum(tensor => tensor.ByteLength);

    /// <summary>The tensor keeps the name and file under which it is stored.</summary>
    public override bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor) => _tensors.TryGetValue(name, out tensor);

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach (var part in _parts) part.Dispose();
    }

    private void Add(string name, StoredTensor tensor)
    {
        if (_tensors.TryAdd(name, tensor)) return;
        throw new ModelFormatException(tensor.File, $"tensor {Quoted.Text(tensor.Name)} stands for {Quoted.Text(name)}, as does {Quoted.Text(_tensors[name].Name)} of {_tensors[name].File}");
    }
}
