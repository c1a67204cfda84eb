namespace FlowCut.Kernels.Transformer;

/// <summary>
/// By how much each pair of a head turns: positions[axis of the pair][row]·inverseFrequencies[pair], a product in fp32. Pair i
/// of a head of 2·n columns is columns i and i + n (rotate-half convention).
/// </summary>
public readonly record struct RotaryPositions
{
    private RotaryPositions(DeviceArray<int> positions, DeviceArray<float> inverseFrequencies, int axes, int firstEnd, int secondEnd) =>
        (Positions, InverseFrequencies, Axes, FirstEnd, SecondEnd) = (positions, inverseFrequencies, axes, firstEnd, secondEnd);

    /// <summary>[Axes, rows] on the device, the rows of one axis together.</summary>
    public DeviceArray<int> Positions { get; }

    /// <summary>Numbers from one axis to the next; 0: as many as there are rows.</summary>
    public int AxisStride { get; init; }

    /// <summary>[head size/2] fp32 on the device.</summary>
    public DeviceArray<float> InverseFrequencies { get; }

    /// <summary>1, 2 or 3.</summary>
    public int Axes { get; }

    /// <summary>Pairs below it turn by the first axis.</summary>
    public int FirstEnd { get; }

    /// <summary>Pairs from <see cref="FirstEnd"/> up to it turn by the second axis, the others by the third.</summary>
    public int SecondEnd { get; }

    /// <summary>Text: every pair turns by the row's position.</summary>
    public static RotaryPositions OneAxis(DeviceArray<int> positions, DeviceArray<float> inverseFrequencies) =>
        new(positions, inverseFrequencies, 1, inverseFrequencies.Length, inverseFrequencies.Length);

    /// <summary>Qwen2-VL's vision encoder: the first half of the pairs turns by the patch's row, the other by its column. The frequencies of one half are repeated for the other.</summary>
    public static RotaryPositions TwoAxes(DeviceArray<int> positions, DeviceArray<float> inverseFrequencies) =>
        new(positions, inverseFrequencies, 2, inverseFrequencies.Length / 2, inverseFrequencies.Length);

    /// <summary>M-RoPE of Qwen2-VL's language model: sections of the pairs turn by time, row and column (16, 24, 24).</summary>
    /// <exception cref="ArgumentOutOfRangeException">A section is negative.</exception>
    public static RotaryPositions ThreeAxes(DeviceArray<int> positions, DeviceArray<float> inverseFrequencies, int timePairs, int rowPairs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(timePairs);
        ArgumentOutOfRangeException.ThrowIfNegative(rowPairs);
        return new RotaryPositions(positions, inverseFrequencies, 3, timePairs, checked(timePairs + rowPairs));
    }
}
