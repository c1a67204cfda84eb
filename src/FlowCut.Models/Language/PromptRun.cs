using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Language;

/// <summary>A prompt on its way through a decoder.</summary>
internal sealed class PromptRun
{
    /// <summary>[n, hidden] embedded, in single precision; overwritten: it becomes the residual stream.</summary>
    public required Tensor Inputs { get; init; }

    /// <summary>Of the n rows.</summary>
    public required RotaryPositions Positions { get; init; }

    /// <summary>Drops rows on the way; null: all stay.</summary>
    public IDecoderPruning? Pruning { get; init; }

    /// <summary>Rows that are dropped leave no gap: those that stay are numbered from 0 again.</summary>
    public bool Renumber { get; init; }

    /// <summary>Receives the last row after every layer.</summary>
    public Trace? Trace { get; init; }
}
