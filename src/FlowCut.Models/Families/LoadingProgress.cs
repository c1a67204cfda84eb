using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Families;

/// <summary>Tells a caller how many of a checkpoint's bytes have been taken, at most a hundred times.</summary>
internal sealed class LoadingProgress
{
    private readonly IProgress<LoadProgress>? _progress;
    private readonly Checkpoint _checkpoint;
    private readonly long _total;
    private long _taken, _reported;

    public LoadingProgress(IProgress<LoadProgress>? progress, Checkpoint checkpoint)
    {
        (_progress, _checkpoint, _total) = (progress, checkpoint, Math.Max(1, checkpoint.TotalBytes));
        if (progress is not null) checkpoint.Taken = Take;
    }

    /// <summary>What is being loaded.</summary>
    public required string Part { get; set; }

    public void Finish() => _checkpoint.Taken = null;

    private void Take(long bytes)
    {
        // a tensor is handed out before it is sent
        var share = Math.Min(1, _taken / (double)_total);
        _taken += bytes;
        if (_taken - _reported < _total / 100) return;
        _reported = _taken;
        _progress!.Report(new LoadProgress(Part, share));
    }
}
