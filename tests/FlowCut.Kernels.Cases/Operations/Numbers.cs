namespace FlowCut.Kernels.Cases;

/// <summary>Seeded inputs, and what storing them in 16 bits makes of them.</summary>
internal static class Numbers
{
    /// <summary>Longer inputs repeat: only benchmarks have them, and making them must not take longer than running them.</summary>
    private const int Distinct = 1_000_003;

    /// <summary>Normal numbers with an outlier of 20 deviations in every hundred, as activations have them.</summary>
    public static float[] Normal(int seed, int count, double deviation = 1)
    {
        var random = new Random(seed);
        return Repeat(count, () =>
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            return (float)(normal * deviation * (random.Next(100) == 0 ? 20 : 1));
        });
    }

    /// <summary>Uniform in ± <paramref name="bound"/>, without outliers: a score's rounding grows with its terms.</summary>
    public static float[] Uniform(int seed, int count, double bound)
    {
        var random = new Random(seed);
        return Repeat(count, () => (float)((random.NextDouble() * 2 - 1) * bound));
    }

    private static float[] Repeat(int count, Func<float> next)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = i < Distinct ? next() : values[i - Distinct];
        return values;
    }

    /// <summary>The number that is read back after storing this one.</summary>
    public static float Stored(float value, ElementType type) => type switch
    {
        ElementType.Float16 => (float)(Half)value,
        ElementType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)Bits16(value, type) << 16),
        _ => value,
    };

    public static float[] Stored(float[] values, ElementType type) => Array.ConvertAll(values, value => Stored(value, type));

    /// <summary>The 16 bits that a number is stored as, rounded to nearest even.</summary>
    public static ushort Bits16(float value, ElementType type)
    {
        if (type == ElementType.Float16) return BitConverter.HalfToUInt16Bits((Half)value);
        if (float.IsNaN(value)) return 0x7fff;
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }

    public static float FromBits16(ushort bits, ElementType type) => type == ElementType.Float16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The distance from 1 to the next number of the type.</summary>
    public static double Epsilon(ElementType type) => type switch
    {
        ElementType.Float16 => Math.ScaleB(1, -10),
        ElementType.BFloat16 => Math.ScaleB(1, -7),
        _ => Math.ScaleB(1, -23),
    };
}
