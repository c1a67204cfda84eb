namespace FlowCut.Models.Backends;

/// <summary>
/// How the rows of a batch fall into sequences that do not see each other: sequence i is rows
/// Offsets[i] … Offsets[i + 1] − 1. Offsets start at 0 and never fall.
/// </summary>
public sealed class Sequences
{
    public Sequences(params int[] offsets)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        if (offsets.Length < 1 || offsets[0] != 0)
            throw new ArgumentException("The offsets must start with 0.", nameof(offsets));
        for (var i = 1; i < offsets.Length; i++)
        {
            if (offsets[i] < offsets[i - 1])
                throw new ArgumentException($"Offset {i} is below its predecessor.", nameof(offsets));
        }

        Offsets = offsets;
    }

    private Sequences(int[] most, IndexView onDevice)
        : this(most) => OnDevice = onDevice;

    /// <summary>Count + 1 row numbers. Not to be written to. With <see cref="OnDevice"/>: as if every sequence were as long as it may be.</summary>
    public int[] Offsets { get; }

    /// <summary>Count + 1 row numbers that only the device knows, none above its twin in <see cref="Offsets"/>; null where the host knows them.</summary>
    public IndexView? OnDevice { get; }

    public int Count => Offsets.Length - 1;

    /// <summary>Rows of all sequences together.</summary>
    public int Rows => Offsets[^1];

    public int Start(int sequence) => Offsets[sequence];

    public int Length(int sequence) => Offsets[sequence + 1] - Offsets[sequence];

    /// <summary>Sequences whose lengths the device has decided: the host knows the most that they can be.</summary>
    /// <param name="most">Count + 1 row numbers, as if every sequence were as long as it may be.</param>
    /// <param name="onDevice">Count + 1 row numbers: the sequences lie there, one behind the other.</param>
    public static Sequences AtMost(int[] most, IndexView onDevice)
    {
        ArgumentNullException.ThrowIfNull(most);
        ArgumentOutOfRangeException.ThrowIfNotEqual(onDevice.Length, most.Length, nameof(onDevice));
        return new Sequences(most, onDevice);
    }

    /// <summary><paramref name="count"/> sequences of <paramref name="length"/> rows each.</summary>
    public static Sequences Uniform(int count, int length)
    {
        var offsets = new int[count + 1];
        for (var i = 0; i <= count; i++) offsets[i] = checked(i * length);
        return new Sequences(offsets);
    }
}
