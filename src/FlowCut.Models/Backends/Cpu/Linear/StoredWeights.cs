using System.Runtime.CompilerServices;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>How a row of weights is stored. Rows may have any alignment.</summary>
internal unsafe interface IStoredWeights
{
    /// <summary>Bytes of a weight.</summary>
    static abstract int Size { get; }

    /// <summary>
    /// Weights index … index + lanes − 1. A type that cannot widen infinity and NaN fast raises
    /// <paramref name="largest"/> to <see cref="HalfWeights.Infinity"/> or more where one is among them.
    /// </summary>
    static abstract T Load<T>(byte* row, int index, ref T largest)
        where T : struct, ILanes<T>;

    static abstract float Exactly(byte* row, int index);
}

internal readonly unsafe struct HalfWeights : IStoredWeights
{
    public static int Size => sizeof(short);

    /// <summary>What the fast widening makes of infinity; the largest finite half is 65504.</summary>
    public const float Infinity = 65536;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* row, int index, ref T largest)
        where T : struct, ILanes<T>
    {
        var weights = T.LoadFiniteHalf((short*)row + index);
        largest = T.Max(largest, T.Abs(weights));
        return weights;
    }

    public static float Exactly(byte* row, int index) => (float)BitConverter.Int16BitsToHalf(Unsafe.ReadUnaligned<short>((short*)row + index));
}

internal readonly unsafe struct BFloat16Weights : IStoredWeights
{
    public static int Size => sizeof(short);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* row, int index, ref T largest)
        where T : struct, ILanes<T> => T.LoadBFloat16((short*)row + index);

    public static float Exactly(byte* row, int index) => BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<short>((short*)row + index) << 16);
}

internal readonly unsafe struct SingleWeights : IStoredWeights
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* row, int index, ref T largest)
        where T : struct, ILanes<T> => T.Load((float*)row + index);

    public static float Exactly(byte* row, int index) => Unsafe.ReadUnaligned<float>((float*)row + index);
}
