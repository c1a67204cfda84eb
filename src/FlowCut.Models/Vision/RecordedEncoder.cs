using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Vision;

/// <summary>A whole encoder as one piece of repeated work for batches of one size and one way to prune; pixels go in, hidden rows come out.</summary>
internal sealed class RecordedEncoder : IDisposable
{
    private readonly RepeatedWork _work;
    private readonly IRecordedPruning? _pruning;
    private readonly IndexBuffer? _offsets;
    private (Tensor Hidden, Sequences Sequences) _result;

    /// <param name="backend">Records the work.</param>
    /// <param name="pruning">Owned from here on; null: every patch stays.</param>
    /// <param name="sequences">What the encoder begins with where nothing prunes.</param>
    /// <param name="queue">Queues all layers, and says where the result will be.</param>
    public RecordedEncoder(
        Backend backend, IRecordedPruning? pruning, Sequences sequences,
        Func<Sequences, ILayerPruning?, CancellationToken, (Tensor Hidden, Sequences Sequences)> queue)
    {
        _pruning = pruning;
        if (pruning is null)
        {
            // offsets of its own: those of queued work change with every prompt
            _offsets = backend.AllocateIndices(sequences.Offsets.Length);
            backend.Upload(sequences.Offsets, _offsets);
            sequences = Sequences.AtMost(sequences.Offsets, new IndexView(_offsets, 0, sequences.Offsets.Length));
        }

        var begin = pruning?.Sequences ?? sequences;
        _work = backend.Repeat(cancellation =>
        {
            _pruning?.Restart();
            // while it is only repeated nothing here runs, and the result stays where the recording put it
            _result = queue(begin, _pruning, cancellation);
        });
    }

    /// <summary>Queues the layers; the result is there once <see cref="Complete"/> returns, or for work that is queued behind.</summary>
    public (Tensor Hidden, Sequences Sequences) Run(CancellationToken cancellation)
    {
        _work.Run(cancellation);
        return _result;
    }

    public void Complete(PruningRecord[] records) => _pruning?.Complete(records);

    public void Dispose()
    {
        _work.Dispose();
        _pruning?.Dispose();
        _offsets?.Dispose();
    }
}
