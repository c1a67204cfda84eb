using System.Runtime.CompilerServices;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// The inner product of both attention products: C[8, 2·lanes] = Aᵀ·B, plus what C held, scaled. A is [depth, 8] with
/// rows <c>aStride</c> apart, B [depth, 2·lanes] dense, C rows 2·lanes apart. Sixteen accumulators in registers; each step
/// loads two registers of B and broadcasts eight numbers of A.
/// </summary>
internal static unsafe class LaneTile
{
    public const int Rows = 8;

    /// <summary><paramref name="factors"/>: [2·lanes], by which C's columns are multiplied before the sum is added; null: C is overwritten.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<T>(float* a, nint aStride, float* b, int depth, float* c, float* factors)
        where T : struct, ILanes<T>
    {
        if (T.ManyRegisters)
        {
            Eight<T>(a, aStride, b, depth, c, factors);
        }
        else
        {
            Four<T>(a, aStride, b, depth, c, factors);
            Four<T>(a + 4, aStride, b, depth, c + 4 * 2 * T.Count, factors);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Eight<T>(float* a, nint aStride, float* b, int depth, float* c, float* factors)
        where T : struct, ILanes<T>
    {
        T c00 = T.All(0), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00, c60 = c00, c70 = c00;
        T c01 = c00, c11 = c00, c21 = c00, c31 = c00, c41 = c00, c51 = c00, c61 = c00, c71 = c00;
        for (; depth > 0; depth--)
        {
            T b0 = T.Load(b), b1 = T.Load(b + T.Count);
            var s = T.All(a[0]);
            c00 = T.MultiplyAdd(s, b0, c00);
            c01 = T.MultiplyAdd(s, b1, c01);
            s = T.All(a[1]);
            c10 = T.MultiplyAdd(s, b0, c10);
            c11 = T.MultiplyAdd(s, b1, c11);
            s = T.All(a[2]);
            c20 = T.MultiplyAdd(s, b0, c20);
            c21 = T.MultiplyAdd(s, b1, c21);
            s = T.All(a[3]);
            c30 = T.MultiplyAdd(s, b0, c30);
            c31 = T.MultiplyAdd(s, b1, c31);
            s = T.All(a[4]);
            c40 = T.MultiplyAdd(s, b0, c40);
            c41 = T.MultiplyAdd(s, b1, c41);
            s = T.All(a[5]);
            c50 = T.MultiplyAdd(s, b0, c50);
            c51 = T.MultiplyAdd(s, b1, c51);
            s = T.All(a[6]);
            c60 = T.MultiplyAdd(s, b0, c60);
            c61 = T.MultiplyAdd(s, b1, c61);
            s = T.All(a[7]);
            c70 = T.MultiplyAdd(s, b0, c70);
            c71 = T.MultiplyAdd(s, b1, c71);
            a += aStride;
            b += 2 * T.Count;
        }

        Store(c00, c01, c, factors);
        Store(c10, c11, c + 1 * 2 * T.Count, factors);
        Store(c20, c21, c + 2 * 2 * T.Count, factors);
        Store(c30, c31, c + 3 * 2 * T.Count, factors);
        Store(c40, c41, c + 4 * 2 * T.Count, factors);
        Store(c50, c51, c + 5 * 2 * T.Count, factors);
        Store(c60, c61, c + 6 * 2 * T.Count, factors);
        Store(c70, c71, c + 7 * 2 * T.Count, factors);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Four<T>(float* a, nint aStride, float* b, int depth, float* c, float* factors)
        where T : struct, ILanes<T>
    {
        T c00 = T.All(0), c10 = c00, c20 = c00, c30 = c00, c01 = c00, c11 = c00, c21 = c00, c31 = c00;
        for (; depth > 0; depth--)
        {
            T b0 = T.Load(b), b1 = T.Load(b + T.Count);
            var s = T.All(a[0]);
            c00 = T.MultiplyAdd(s, b0, c00);
            c01 = T.MultiplyAdd(s, b1, c01);
            s = T.All(a[1]);
            c10 = T.MultiplyAdd(s, b0, c10);
            c11 = T.MultiplyAdd(s, b1, c11);
            s = T.All(a[2]);
            c20 = T.MultiplyAdd(s, b0, c20);
            c21 = T.MultiplyAdd(s, b1, c21);
            s = T.All(a[3]);
            c30 = T.MultiplyAdd(s, b0, c30);
            c31 = T.MultiplyAdd(s, b1, c31);
            a += aStride;
            b += 2 * T.Count;
        }

        Store(c00, c01, c, factors);
        Store(c10, c11, c + 1 * 2 * T.Count, factors);
        Store(c20, c21, c + 2 * 2 * T.Count, factors);
        Store(c30, c31, c + 3 * 2 * T.Count, factors);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T>(T left, T right, float* c, float* factors)
        where T : struct, ILanes<T>
    {
        if (factors != null)
        {
            left = T.MultiplyAdd(T.Load(c), T.Load(factors), left);
            right = T.MultiplyAdd(T.Load(c + T.Count), T.Load(factors + T.Count), right);
        }

        T.Store(left, c);
        T.Store(right, c + T.Count);
    }
}
