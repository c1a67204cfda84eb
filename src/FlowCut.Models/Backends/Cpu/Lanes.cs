using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// A register of single-precision lanes. One kernel source over it becomes AVX-512, AVX2, SSE or NEON code: a type
/// parameter that is a struct is compiled for each width by itself.
/// </summary>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>Lanes of a register.</summary>
    static abstract int Count { get; }

    /// <summary>Whether 16 accumulators fit beside their operands, that is, whether there are 32 registers.</summary>
    static abstract bool ManyRegisters { get; }

    static abstract T Load(float* source);

    /// <summary>Half-precision numbers, exactly where they are finite; infinity and NaN become 65536 and more.</summary>
    static abstract T LoadFiniteHalf(short* source);

    static abstract T LoadBFloat16(short* source);

    static abstract void Store(T value, float* destination);

    static abstract T All(float value);

    static abstract T operator +(T left, T right);

    static abstract T operator -(T left, T right);

    static abstract T operator *(T left, T right);

    static abstract T operator /(T left, T right);

    /// <summary>a·b + c, rounded once where the hardware can.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);

    static abstract T Abs(T value);

    static abstract T Round(T value);

    /// <summary>The larger; <paramref name="right"/> or a NaN where one is a NaN.</summary>
    static abstract T Max(T left, T right);

    /// <summary>The smaller; <paramref name="right"/> or a NaN where one is a NaN.</summary>
    static abstract T Min(T left, T right);

    /// <summary><paramref name="value"/> where left &lt; right, else <paramref name="otherwise"/> (also where one is a NaN).</summary>
    static abstract T WhereLess(T left, T right, T value, T otherwise);

    /// <summary>Adds an integer to each exponent; a NaN's integer counts as 0.</summary>
    static abstract T AddToExponent(T value, T integer);

    static abstract float Sum(T value);

    /// <summary>The four sums.</summary>
    static abstract Vector128<float> Sums(T a, T b, T c, T d);

    static abstract float Largest(T value);
}

internal static class Lanes
{
    /// <summary>
    /// e to the power of each lane within 2 ulp: 0 below −87.3 (where fp32 becomes subnormal), 2¹²⁸'s neighbour from 88.7
    /// on, NaN for NaN. e^x = 2ⁿ·e^r with |r| ≤ ln 2/2 and e^r by a polynomial through Chebyshev nodes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : struct, ILanes<T>
    {
        x = T.Min(T.All(88.72f), x);
        var n = T.Round(x * T.All(1.442695f));
        // ln 2 in two parts, the first short enough that n times it is exact.
        var r = T.MultiplyAdd(n, T.All(-0.693359375f), x);
        r = T.MultiplyAdd(n, T.All(2.12194440e-4f), r);
        var p = T.MultiplyAdd(r, T.All(0.0013926250394f), T.All(0.0083632329479f));
        p = T.MultiplyAdd(p, r, T.All(0.0416665524244f));
        p = T.MultiplyAdd(p, r, T.All(0.1666657626629f));
        p = T.MultiplyAdd(p, r, T.All(0.5f));
        p = T.MultiplyAdd(p, r, T.All(1));
        p = T.MultiplyAdd(p, r, T.All(1));
        return T.WhereLess(x, T.All(-87.33f), T.All(0), T.AddToExponent(p, n));
    }
}
