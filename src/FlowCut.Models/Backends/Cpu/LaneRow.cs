using System.Runtime.CompilerServices;

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
}
