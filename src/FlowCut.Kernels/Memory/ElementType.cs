namespace FlowCut.Kernels;

/// <summary>What an element of a tensor is stored as. Arithmetic is 32-bit whatever the storage.</summary>
public enum ElementType
{
    /// <summary>IEEE binary32; kernels of this type run on CUDA cores and serve as the verification type.</summary>
    Float32,

    /// <summary>IEEE binary16.</summary>
    Float16,

    /// <summary>The upper half of a binary32.</summary>
    BFloat16,
}

/// <summary>Facts about element types.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a member of the enumeration.</exception>
    public static int Bytes(this ElementType type) => type switch
    {
        ElementType.Float32 => 4,
        ElementType.Float16 or ElementType.BFloat16 => 2,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "There is no such element type."),
    };

    /// <summary>The type's name in device code.</summary>
    internal static string DeviceName(this ElementType type) => type switch
    {
        ElementType.Float32 => "float",
        ElementType.Float16 => "fc::Half",
        ElementType.BFloat16 => "fc::BFloat16",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "There is no such element type."),
    };
}
