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
}
