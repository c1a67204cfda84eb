namespace FlowCut.Models.Checkpoints;

/// <summary>An element type as a file names it. <paramref name="Bits"/> is below 8 for packed types.</summary>
internal readonly record struct ElementFormat(string Name, StoredType Type, int Bits);

/// <summary>The element types of safetensors (dtype names and widths of its reference implementation).</summary>
internal static class StoredTypes
{
    private static readonly ElementFormat[] s_formats =
    [
        new("F32", StoredType.Float32, 32),
        new("F16", StoredType.Float16, 16),
        new("BF16", StoredType.BFloat16, 16),
        new("F64", StoredType.Float64, 64),
        new("I64", StoredType.Int64, 64),
        new("I32", StoredType.Int32, 32),
        new("I16", StoredType.Int16, 16),
        new("I8", StoredType.Int8, 8),
        new("U64", StoredType.UInt64, 64),
        new("U32", StoredType.UInt32, 32),
        new("U16", StoredType.UInt16, 16),
        new("U8", StoredType.UInt8, 8),
        new("BOOL", StoredType.Bool, 8),
        new("C64", StoredType.Other, 64),
        new("F8_E4M3", StoredType.Other, 8),
        new("F8_E5M2", StoredType.Other, 8),
        new("F8_E8M0", StoredType.Other, 8),
        new("F8_E4M3FNUZ", StoredType.Other, 8),
        new("F8_E5M2FNUZ", StoredType.Other, 8),
        new("F6_E2M3", StoredType.Other, 6),
        new("F6_E3M2", StoredType.Other, 6),
        new("F4", StoredType.Other, 4),
    ];

    public static bool TryParse(string name, out ElementFormat format)
    {
        foreach (var candidate in s_formats)
        {
            if (candidate.Name != name) continue;
            format = candidate;
            return true;
        }

        format = default;
        return false;
    }

    /// <exception cref="ArgumentException">The type is <see cref="StoredType.Other"/>, which names no format.</exception>
    public static ElementFormat Format(StoredType type)
    {
        foreach (var candidate in s_formats)
        {
            if (candidate.Type == type && type != StoredType.Other) return candidate;
        }

        throw new ArgumentException($"{type} is not one element format.", nameof(type));
    }

    public static string Name(StoredType type) => type == StoredType.Other ? "OTHER" : Format(type).Name;

    /// <summary>Bytes of a dense tensor: product of the extents × bits / 8.</summary>
    /// <returns>False where the product overflows or the bits do not fill whole bytes.</returns>
    public static bool TryByteLength(ReadOnlySpan<long> shape, int bits, out long byteLength)
    {
        byteLength = 0;
        Int128 count = 1;
        foreach (var extent in shape)
        {
            count *= extent;
            if (count > long.MaxValue) return false;
        }

        var total = count * bits;
        if (total % 8 != 0 || total / 8 > long.MaxValue) return false;
        byteLength = (long)(total / 8);
        return true;
    }
}
