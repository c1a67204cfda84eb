using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Checkpoints;

/// <summary>The tensors of one or several mapped files, which it owns.</summary>
internal sealed class FileCheckpoint : Checkpoint
{
    private readonly Dictionary<string, StoredTensor> _tensors;
    private readonly IDisposable[] _owned;

    public FileCheckpoint(string location, Dictionary<string, StoredTensor> tensors, IReadOnlyDictionary<string, string> metadata, params IDisposable[] owned)
    {
        Location = location;
        Metadata = metadata;
        _tensors = tensors;
        _owned = owned;
        foreach (var tensor in tensors.Values) TotalBytes += tensor.ByteLength;
    }

    public override string Location { get; }

    public override IReadOnlyDictionary<string, string> Metadata { get; }

    public override IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Tensors that share a storage count each.</summary>
    public override long TotalBytes { get; }

    public override bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor) => _tensors.TryGetValue(name, out tensor);

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach (var owned in _owned) owned.Dispose();
    }
}
