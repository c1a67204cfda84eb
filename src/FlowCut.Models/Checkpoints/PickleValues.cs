namespace FlowCut.Models.Checkpoints;

/// <summary>What the names that a pickle may use stand for. There are no others.</summary>
internal enum PickleGlobal
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage,
}

/// <summary>A name that the pickle may use; <paramref name="Element"/> counts for storages only.</summary>
internal sealed record PickleCallable(PickleGlobal Global, ElementFormat Element);

/// <summary>A storage by its key in the archive, of <paramref name="Length"/> elements.</summary>
internal sealed record PickleStorage(ElementFormat Element, string Key, long Length);

/// <summary>A view of a storage, in elements; not checked against it yet.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>A dict or an OrderedDict: its pairs in order, keys not compared.</summary>
internal sealed class PickleDict(bool ordered)
{
    private List<(object? Key, object? Value)>? _pairs;

    /// <summary>Only an OrderedDict has attributes (such as a state dict's <c>_metadata</c>).</summary>
    public bool Ordered { get; } = ordered;

    public bool HasTensors { get; private set; }

    public IReadOnlyList<(object? Key, object? Value)> Pairs => _pairs ?? (IReadOnlyList<(object?, object?)>)[];

    public void Add(object? key, object? value)
    {
        HasTensors |= value is PickleTensor;
        (_pairs ??= []).Add((key, value));
    }
}
