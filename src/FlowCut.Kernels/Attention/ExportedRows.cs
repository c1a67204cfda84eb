namespace FlowCut.Kernels.Transformer;

/// <summary>
/// Query rows whose attention is written down during the pass: the CLS token, the last instruction token, several rater tokens.
/// Nothing but these rows of the attention matrix ever exists in memory.
/// </summary>
/// <param name="Rows">
/// [sequences, Slots] on the device: a row counted from the sequence's start, or, if negative, from its end (−1 is the last).
/// For a row that the sequence does not have, such as <see cref="None"/>, nothing is written.
/// </param>
/// <param name="Slots">Rows that a sequence may export, 1 to <see cref="MaxSlots"/>.</param>
/// <param name="LogProbabilities">
/// [Slots·heads, key rows] fp32, row slot·heads + head: log softmax(query[row]·keyᵀ·scale) over the keys that the row sees,
/// −∞ for the others of its sequence. Columns are numbered as rows of the key tensor, so the sequences of a batch lie side by
/// side. A logarithm, because small shares underflow.
/// </param>
public readonly record struct ExportedRows(DeviceArray<int> Rows, int Slots, DeviceMatrix LogProbabilities)
{
    /// <summary>A row that no sequence has.</summary>
    public const int None = int.MinValue;

    /// <summary>Most rows that one pass exports for a sequence.</summary>
    public const int MaxSlots = 32;
}
