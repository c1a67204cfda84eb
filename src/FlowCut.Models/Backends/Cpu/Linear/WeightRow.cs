using System.Numerics;
using System.Runtime.CompilerServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>Stored weights to fp32. Every value exactly, subnormal numbers, infinities and NaN included; sources of any alignment.</summary>
internal static unsafe class WeightRow
{
    /// <summary>2^112: moves a half's exponent, shifted into a single's field, to its place.</summary>
    private const float HalfScale = 5.192296858534828e33f;

    /// <summary>Widens <paramref name="count"/> values.</summary>
    public static void Widen(byte* source, StoredType type, float* destination, int count)
    {
        switch (type)
        {
            case StoredType.Float32:
                Unsafe.CopyBlockUnaligned(destination, source, (uint)count * sizeof(float));
                break;
            case StoredType.Float16:
                WidenHalf((short*)source, destination, count);
                break;
            default:
                WidenBFloat16((short*)source, destination, count);
                break;
        }
    }

    /// <summary>A half's bits, sign-extended to 32, as a single. .NET has no F16C instructions, so it takes five integer ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> FromHalf(Vector<int> bits)
    {
        var shifted = Vector.BitwiseAnd(Vector.ShiftLeft(bits, 13), new Vector<int>(unchecked((int)0x8FFFE000)));
        var scaled = Vector.AsVectorSingle(shifted) * new Vector<float>(HalfScale);
        // exponent 31 has become 2^16 and more: infinity and NaN
        var special = Vector.GreaterThanOrEqual(Vector.Abs(scaled), new Vector<float>(65536f));
        return Vector.ConditionalSelect(special, Vector.AsVectorSingle(Vector.BitwiseOr(shifted, new Vector<int>(0x7F800000))), scaled);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenHalf(short* source, float* destination, int count)
    {
        var i = 0;
        for (; i <= count - Vector<short>.Count; i += Vector<short>.Count)
        {
            Vector.Widen(Unsafe.ReadUnaligned<Vector<short>>(source + i), out var low, out var high);
            Unsafe.WriteUnaligned(destination + i, FromHalf(low));
            Unsafe.WriteUnaligned(destination + i + Vector<float>.Count, FromHalf(high));
        }

        for (; i < count; i++) destination[i] = (float)BitConverter.Int16BitsToHalf(Unsafe.ReadUnaligned<short>(source + i));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBFloat16(short* source, float* destination, int count)
    {
        var i = 0;
        for (; i <= count - Vector<short>.Count; i += Vector<short>.Count)
        {
            Vector.Widen(Unsafe.ReadUnaligned<Vector<short>>(source + i), out var low, out var high);
            Unsafe.WriteUnaligned(destination + i, Vector.ShiftLeft(low, 16));
            Unsafe.WriteUnaligned(destination + i + Vector<float>.Count, Vector.ShiftLeft(high, 16));
        }

        for (; i < count; i++) destination[i] = BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<short>(source + i) << 16);
    }
}
