using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Vision;

/// <summary>How an encoder's layers reach a device.</summary>
public enum EncoderWork
{
    /// <summary>Whichever was faster on this device when both were measured, for each way to prune; the choice is kept on disk.</summary>
    Measured,
    /// <summary>Layer by layer, each as large as what is alive: the host reads the entropy ratios while the device goes on, and makes the counts.</summary>
    Queued,
    /// <summary>
    /// As one CUDA graph: the device makes the counts, the host is not in between, and products are as large as what may be
    /// alive. Where that is not possible (a trace, a strategy that needs the host) layer by layer.
    /// </summary>
    Recorded,
}

/// <summary>The recorded forms of one encoder, the latest few of them: each holds a graph and its strategy's memory.</summary>
internal sealed class RecordedEncoders(Backend backend, EncoderWork work) : IDisposable
{
    private const int MaxKept = 8;

    private readonly LinkedList<(IPruningStrategy? Strategy, int Pictures, RecordedEncoder? Encoder)> _known = [];

    /// <summary>The recorded encoder to use; null: queue layer by layer.</summary>
    /// <param name="strategy">How it prunes.</param>
    /// <param name="pictures">Of the batch.</param>
    /// <param name="what">Names encoder, strategy and batch for a measured choice.</param>
    /// <param name="record">Makes the recorded encoder; null if there can be none.</param>
    /// <param name="queued">The same work layer by layer, to be compared with.</param>
    /// <param name="recorded">The same work by a recorded encoder.</param>
    public RecordedEncoder? Find(IPruningStrategy? strategy, int pictures, string what, Func<RecordedEncoder?> record, Action queued, Action<RecordedEncoder> recorded)
    {
        if (work == EncoderWork.Queued || backend.DeviceCounts is null) return null;
        for (var node = _known.First; node is not null; node = node.Next)
        {
            if (node.Value.Pictures != pictures || !Equals(node.Value.Strategy, strategy)) continue;
            _known.Remove(node);
            _known.AddFirst(node);
            return node.Value.Encoder;
        }

        var encoder = record();
        if (encoder is not null && work == EncoderWork.Measured && !IsFaster(encoder, what, queued, recorded))
        {
            encoder.Dispose();
            encoder = null;
        }

        _known.AddFirst((strategy, pictures, encoder));
        if (_known.Count <= MaxKept) return encoder;
        _known.Last!.Value.Encoder?.Dispose();
        _known.RemoveLast();
        return encoder;
    }

    private bool IsFaster(RecordedEncoder encoder, string what, Action queued, Action<RecordedEncoder> recorded)
    {
        try
        {
            return backend.Fastest(what, queued, () => recorded(encoder)) != 0;
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    public void Clear()
    {
        foreach (var (_, _, encoder) in _known) encoder?.Dispose();
        _known.Clear();
    }

    public void Dispose() => Clear();
}
