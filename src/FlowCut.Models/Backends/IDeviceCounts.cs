namespace FlowCut.Models.Backends;

/// <summary>
/// Operations of a backend whose device can decide how many rows go on, without the host: tensors and sequences are then as
/// large as they may be (<see cref="Sequences.AtMost"/>), and the device works on as much of them as there is.
/// </summary>
public interface IDeviceCounts
{
    /// <summary>As <see cref="Backend.FlowScore"/>; the entropy ratios go to <paramref name="entropyRatios"/> [1, sequences], in single precision, and stay on the device.</summary>
    void FlowScore(in FlowScoreArguments arguments, Tensor entropyRatios);

    /// <summary>One pruning event: counts, selection, and where the survivors lie.</summary>
    void FlowSelect(in FlowSelectArguments arguments);

    /// <summary>y[i] = x[rows[i]] for i &lt; <paramref name="count"/>; rows of y from there on are left alone.</summary>
    /// <param name="x">[source rows, columns].</param>
    /// <param name="rows">y.Rows entries.</param>
    /// <param name="count">One entry, at most y.Rows.</param>
    /// <param name="y">As many columns, apart from <paramref name="x"/>.</param>
    void GatherRows(Tensor x, IndexView rows, IndexView count, Tensor y);
}

/// <summary>
/// A pruning event with N patches alive in a sequence (spec/flowcut.md, section 3): max(N − r, Keep) stay with
/// r = round((N − Keep)/√Remaining·(1 − h²)), or exactly Keep, by the largest running score, ties to the lowest index. Each
/// sequence's first row (CLS) stays besides.
/// </summary>
public readonly struct FlowSelectArguments
{
    /// <summary>S: [1, key rows] in single precision.</summary>
    public required Tensor Cumulative { get; init; }

    /// <summary>Sequences whose offsets are on the device.</summary>
    public required Sequences Keys { get; init; }

    /// <summary>h: [1, sequences] in single precision; null: exactly <see cref="Keep"/> stay.</summary>
    public required Tensor? EntropyRatios { get; init; }

    /// <summary>T; a sequence with no more patches keeps all.</summary>
    public required int Keep { get; init; }

    /// <summary>Layers after this one that may still prune, above 0; not read without <see cref="EntropyRatios"/>.</summary>
    public required int Remaining { get; init; }

    /// <summary>All sequences drop the largest r of any of them.</summary>
    public required bool SharedCount { get; init; }

    /// <summary>[key rows], written: the rows that stay, ascending, sequence by sequence.</summary>
    public required IndexView Rows { get; init; }

    /// <summary>[sequences + 1], written: where they lie afterwards.</summary>
    public required IndexView NewOffsets { get; init; }

    /// <summary>[1, key rows] in single precision, written: S of the rows that stay.</summary>
    public required Tensor NewCumulative { get; init; }
}
