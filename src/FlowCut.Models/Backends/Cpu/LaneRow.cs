using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Elementary steps on rows of any length: whole registers, then one by one.</summary>
internal static unsafe class LaneRow
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot<T>(float* x, float* y, int n)
        where T : struct, ILanes<T>
    {
        T even = T.All(0), odd = T.All(0);
        var i = 0;
        for (; i + 2 * T.Count <= n; i += 2 * T.Count)
        {
            even = T.MultiplyAdd(T.Load(x + i), T.Load(y + i), even);
            odd = T.MultiplyAdd(T.Load(x + i + T.Count), T.Load(y + i + T.Count), odd);
        }

        for (; i + T.Count <= n; i += T.Count) even = T.MultiplyAdd(T.Load(x + i), T.Load(y + i), even);
        var sum = T.Sum(even + odd);
        for (; i < n; i++) sum += x[i] * y[i];
        return sum;
    }

    /// <summary>x·y for four rows y, <paramref name="stride"/> apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> DotFour<T>(float* x, float* y, nint stride, int n)
        where T : struct, ILanes<T>
    {
        T a = T.All(0), b = a, c = a, d = a;
        var i = 0;
        for (; i + T.Count <= n; i += T.Count)
        {
            var all = T.Load(x + i);
            a = T.MultiplyAdd(all, T.Load(y + i), a);
            b = T.MultiplyAdd(all, T.Load(y + stride + i), b);
            c = T.MultiplyAdd(all, T.Load(y + 2 * stride + i), c);
            d = T.MultiplyAdd(all, T.Load(y + 3 * stride + i), d);
        }

        var sums = T.Sums(a, b, c, d);
        for (; i < n; i++) sums += x[i] * Vector128.Create(y[i], y[stride + i], y[2 * stride + i], y[3 * stride + i]);
        return sums;
    }

    /// <summary>y += factors·x over four rows x, <paramref name="stride"/> apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaledFour<T>(float* x, nint stride, float* factors, float* y, int n)
        where T : struct, ILanes<T>
    {
        T a = T.All(factors[0]), b = T.All(factors[1]), c = T.All(factors[2]), d = T.All(factors[3]);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count)
        {
            var even = T.MultiplyAdd(T.Load(x + i), a, T.Load(y + i));
            var odd = T.Load(x + stride + i) * b;
            even = T.MultiplyAdd(T.Load(x + 2 * stride + i), c, even);
            odd = T.MultiplyAdd(T.Load(x + 3 * stride + i), d, odd);
            T.Store(even + odd, y + i);
        }

        for (; i < n; i++) y[i] += factors[0] * x[i] + factors[1] * x[stride + i] + factors[2] * x[2 * stride + i] + factors[3] * x[3 * stride + i];
    }

    /// <summary>y += factor·x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled<T>(float* x, float factor, float* y, int n)
        where T : struct, ILanes<T>
    {
        var all = T.All(factor);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) T.Store(T.MultiplyAdd(T.Load(x + i), all, T.Load(y + i)), y + i);
        for (; i < n; i++) y[i] += factor * x[i];
    }

    public static float Sum<T>(float* x, int n)
        where T : struct, ILanes<T>
    {
        T even = T.All(0), odd = T.All(0);
        var i = 0;
        for (; i + 2 * T.Count <= n; i += 2 * T.Count)
        {
            even += T.Load(x + i);
            odd += T.Load(x + i + T.Count);
        }

        for (; i + T.Count <= n; i += T.Count) even += T.Load(x + i);
        var sum = T.Sum(even + odd);
        for (; i < n; i++) sum += x[i];
        return sum;
    }

    /// <summary>Σ (x − center)².</summary>
    public static float SquaredDistance<T>(float* x, float center, int n)
        where T : struct, ILanes<T>
    {
        T even = T.All(0), odd = T.All(0), centers = T.All(center);
        var i = 0;
        for (; i + 2 * T.Count <= n; i += 2 * T.Count)
        {
            T a = T.Load(x + i) - centers, b = T.Load(x + i + T.Count) - centers;
            even = T.MultiplyAdd(a, a, even);
            odd = T.MultiplyAdd(b, b, odd);
        }

        for (; i + T.Count <= n; i += T.Count)
        {
            var a = T.Load(x + i) - centers;
            even = T.MultiplyAdd(a, a, even);
        }

        var sum = T.Sum(even + odd);
        for (; i < n; i++) sum += (x[i] - center) * (x[i] - center);
        return sum;
    }

    public static float SumOfMagnitudes<T>(float* x, int n)
        where T : struct, ILanes<T>
    {
        var sum = T.All(0);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) sum += T.Abs(T.Load(x + i));
        var total = T.Sum(sum);
        for (; i < n; i++) total += MathF.Abs(x[i]);
        return total;
    }

    /// <summary>y = e^(factor·(x − largest x)); the result is the largest x, −∞ (and y = 0) where all are.</summary>
    public static float ExpBelowMax<T>(float* x, float factor, float* y, int n)
        where T : struct, ILanes<T>
    {
        var max = Largest<T>(x, n);
        if (float.IsNegativeInfinity(max))
        {
            // A NaN may lie among them.
            for (var j = 0; j < n; j++) y[j] = float.IsNaN(x[j]) ? float.NaN : 0;
            return max;
        }

        T maxima = T.All(max), factors = T.All(factor);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) T.Store(Lanes.Exp((T.Load(x + i) - maxima) * factors), y + i);
        for (; i < n; i++) y[i] = MathF.Exp((x[i] - max) * factor);
        return max;
    }

    private static float Largest<T>(float* x, int n)
        where T : struct, ILanes<T>
    {
        var largest = T.All(float.NegativeInfinity);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) largest = T.Max(T.Load(x + i), largest);
        var max = T.Largest(largest);
        for (; i < n; i++) max = MathF.Max(max, x[i]);
        return max;
    }
}
