namespace FlowCut.Kernels.Transformer;

/// <summary>
/// How the rows of a batch fall into sequences that do not see each other: sequence s is rows Offsets[s] … Offsets[s + 1] − 1.
/// The offsets lie on the device and may be written by earlier work of the stream, so nothing about them is checked: they
/// start at 0 or above, never fall, and end at or below the rows of the tensors.
/// </summary>
/// <param name="Offsets">One more than there are sequences.</param>
/// <param name="MaxRows">No sequence has more rows; costs a little launch time where it is far too high.</param>
public readonly record struct DeviceSequences(DeviceArray<int> Offsets, int MaxRows)
{
    /// <summary>Number of sequences.</summary>
    public int Count => Math.Max(Offsets.Length - 1, 0);

    internal void Check(string name)
    {
        Require.Length(Offsets, 1, name);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxRows, name);
    }
}
