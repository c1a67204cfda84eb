namespace FlowCut.Models.Backends;

/// <summary>
/// Where rows stand: pair i of a head turns by its axis' position times inverse frequency i. A view of row numbers where the
/// backend's work reads them, so that what a selection kept can be gathered without the host.
/// </summary>
/// <param name="Values">The positions of the rows on the first axis.</param>
/// <param name="AxisStride">Entries of the buffer from one axis to the next.</param>
/// <param name="Axes">1, 2 or 3.</param>
/// <param name="FirstEnd">Pairs below it turn by the first axis.</param>
/// <param name="SecondEnd">Pairs from <paramref name="FirstEnd"/> up to it turn by the second axis, the others by the third.</param>
public readonly record struct RotaryPositions(IndexView Values, int AxisStride, int Axes, int FirstEnd, int SecondEnd)
{
    public int Rows => Values.Length;

    /// <summary>Text: every pair turns by the row's position.</summary>
    public static RotaryPositions OneAxis(IndexView values) => new(values, values.Length, 1, int.MaxValue, int.MaxValue);

    /// <summary>Qwen2-VL's encoder: the first half of a head's pairs turns by the patch's row, the other by its column.</summary>
    /// <param name="values">Rows, then columns.</param>
    /// <param name="pairs">Of a head.</param>
    public static RotaryPositions TwoAxes(IndexView values, int pairs) => new(values.Slice(0, values.Length / 2), values.Length / 2, 2, pairs / 2, pairs);

    /// <summary>M-RoPE: sections of a head's pairs turn by time, row and column.</summary>
    /// <param name="values">Times, then rows, then columns.</param>
    /// <param name="timePairs">Pairs of the first section.</param>
    /// <param name="rowPairs">Of the second.</param>
    public static RotaryPositions ThreeAxes(IndexView values, int timePairs, int rowPairs) =>
        new(values.Slice(0, values.Length / 3), values.Length / 3, 3, timePairs, timePairs + rowPairs);

    /// <summary>Rows start … start + count − 1.</summary>
    public RotaryPositions Slice(int start, int count) => this with { Values = Values.Slice(start, count) };

    /// <summary>The positions of the rows on one axis.</summary>
    public IndexView Axis(int axis)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(axis, Axes);
        return Values with { Start = Values.Start + axis * AxisStride };
    }
}
