using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>
/// 12 weight rows by 32 activation rows in 24 accumulators of 512 bits: with two loads and 12 broadcasts for
/// 24 multiply-adds the multipliers never wait, and all of it fits the 32 vector registers.
/// </summary>
internal readonly unsafe struct GemmTile512 : IGemmTile
{
    public static int Rows => 12;

    public static int Lanes => 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* w, float* x, int k, float* t, int stride, bool accumulate)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        Vector512<float> g0 = default, g1 = default, h0 = default, h1 = default, i0 = default, i1 = default, j0 = default, j1 = default, k0 = default, k1 = default, l0 = default, l1 = default;
        if (accumulate)
        {
            a0 = Vector512.Load(t); a1 = Vector512.Load(t + 16);
            b0 = Vector512.Load(t + 1 * stride); b1 = Vector512.Load(t + 1 * stride + 16);
            c0 = Vector512.Load(t + 2 * stride); c1 = Vector512.Load(t + 2 * stride + 16);
            d0 = Vector512.Load(t + 3 * stride); d1 = Vector512.Load(t + 3 * stride + 16);
            e0 = Vector512.Load(t + 4 * stride); e1 = Vector512.Load(t + 4 * stride + 16);
            f0 = Vector512.Load(t + 5 * stride); f1 = Vector512.Load(t + 5 * stride + 16);
            g0 = Vector512.Load(t + 6 * stride); g1 = Vector512.Load(t + 6 * stride + 16);
            h0 = Vector512.Load(t + 7 * stride); h1 = Vector512.Load(t + 7 * stride + 16);
            i0 = Vector512.Load(t + 8 * stride); i1 = Vector512.Load(t + 8 * stride + 16);
            j0 = Vector512.Load(t + 9 * stride); j1 = Vector512.Load(t + 9 * stride + 16);
            k0 = Vector512.Load(t + 10 * stride); k1 = Vector512.Load(t + 10 * stride + 16);
            l0 = Vector512.Load(t + 11 * stride); l1 = Vector512.Load(t + 11 * stride + 16);
        }

        for (; k > 0; k--, w++, x += 32)
        {
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16);
            var v = Vector512.Create(w[0]); a0 = Vector512.FusedMultiplyAdd(v, x0, a0); a1 = Vector512.FusedMultiplyAdd(v, x1, a1);
            v = Vector512.Create(w[1 * GemmBlocks.Depth]); b0 = Vector512.FusedMultiplyAdd(v, x0, b0); b1 = Vector512.FusedMultiplyAdd(v, x1, b1);
            v = Vector512.Create(w[2 * GemmBlocks.Depth]); c0 = Vector512.FusedMultiplyAdd(v, x0, c0); c1 = Vector512.FusedMultiplyAdd(v, x1, c1);
            v = Vector512.Create(w[3 * GemmBlocks.Depth]); d0 = Vector512.FusedMultiplyAdd(v, x0, d0); d1 = Vector512.FusedMultiplyAdd(v, x1, d1);
            v = Vector512.Create(w[4 * GemmBlocks.Depth]); e0 = Vector512.FusedMultiplyAdd(v, x0, e0); e1 = Vector512.FusedMultiplyAdd(v, x1, e1);
            v = Vector512.Create(w[5 * GemmBlocks.Depth]); f0 = Vector512.FusedMultiplyAdd(v, x0, f0); f1 = Vector512.FusedMultiplyAdd(v, x1, f1);
            v = Vector512.Create(w[6 * GemmBlocks.Depth]); g0 = Vector512.FusedMultiplyAdd(v, x0, g0); g1 = Vector512.FusedMultiplyAdd(v, x1, g1);
            v = Vector512.Create(w[7 * GemmBlocks.Depth]); h0 = Vector512.FusedMultiplyAdd(v, x0, h0); h1 = Vector512.FusedMultiplyAdd(v, x1, h1);
            v = Vector512.Create(w[8 * GemmBlocks.Depth]); i0 = Vector512.FusedMultiplyAdd(v, x0, i0); i1 = Vector512.FusedMultiplyAdd(v, x1, i1);
            v = Vector512.Create(w[9 * GemmBlocks.Depth]); j0 = Vector512.FusedMultiplyAdd(v, x0, j0); j1 = Vector512.FusedMultiplyAdd(v, x1, j1);
            v = Vector512.Create(w[10 * GemmBlocks.Depth]); k0 = Vector512.FusedMultiplyAdd(v, x0, k0); k1 = Vector512.FusedMultiplyAdd(v, x1, k1);
            v = Vector512.Create(w[11 * GemmBlocks.Depth]); l0 = Vector512.FusedMultiplyAdd(v, x0, l0); l1 = Vector512.FusedMultiplyAdd(v, x1, l1);
        }

        a0.Store(t); a1.Store(t + 16);
        b0.Store(t + 1 * stride); b1.Store(t + 1 * stride + 16);
        c0.Store(t + 2 * stride); c1.Store(t + 2 * stride + 16);
        d0.Store(t + 3 * stride); d1.Store(t + 3 * stride + 16);
        e0.Store(t + 4 * stride); e1.Store(t + 4 * stride + 16);
        f0.Store(t + 5 * stride); f1.Store(t + 5 * stride + 16);
        g0.Store(t + 6 * stride); g1.Store(t + 6 * stride + 16);
        h0.Store(t + 7 * stride); h1.Store(t + 7 * stride + 16);
        i0.Store(t + 8 * stride); i1.Store(t + 8 * stride + 16);
        j0.Store(t + 9 * stride); j1.Store(t + 9 * stride + 16);
        k0.Store(t + 10 * stride); k1.Store(t + 10 * stride + 16);
        l0.Store(t + 11 * stride); l1.Store(t + 11 * stride + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RunHalf(float* w, float* x, int k, float* t, int stride, bool accumulate)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default, s8 = default, s9 = default, s10 = default, s11 = default;
        if (accumulate)
        {
            s0 = Vector512.Load(t); s1 = Vector512.Load(t + 1 * stride); s2 = Vector512.Load(t + 2 * stride); s3 = Vector512.Load(t + 3 * stride); s4 = Vector512.Load(t + 4 * stride); s5 = Vector512.Load(t + 5 * stride);
            s6 = Vector512.Load(t + 6 * stride); s7 = Vector512.Load(t + 7 * stride); s8 = Vector512.Load(t + 8 * stride); s9 = Vector512.Load(t + 9 * stride); s10 = Vector512.Load(t + 10 * stride); s11 = Vector512.Load(t + 11 * stride);
        }

        for (; k > 0; k--, w++, x += 32)
        {
            var v = Vector512.Load(x);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(w[0]), v, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(w[1 * GemmBlocks.Depth]), v, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(w[2 * GemmBlocks.Depth]), v, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(w[3 * GemmBlocks.Depth]), v, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(w[4 * GemmBlocks.Depth]), v, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(w[5 * GemmBlocks.Depth]), v, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(w[6 * GemmBlocks.Depth]), v, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(w[7 * GemmBlocks.Depth]), v, s7);
            s8 = Vector512.FusedMultiplyAdd(Vector512.Create(w[8 * GemmBlocks.Depth]), v, s8);
            s9 = Vector512.FusedMultiplyAdd(Vector512.Create(w[9 * GemmBlocks.Depth]), v, s9);
            s10 = Vector512.FusedMultiplyAdd(Vector512.Create(w[10 * GemmBlocks.Depth]), v, s10);
            s11 = Vector512.FusedMultiplyAdd(Vector512.Create(w[11 * GemmBlocks.Depth]), v, s11);
        }

        s0.Store(t); s1.Store(t + 1 * stride); s2.Store(t + 2 * stride); s3.Store(t + 3 * stride); s4.Store(t + 4 * stride); s5.Store(t + 5 * stride);
        s6.Store(t + 6 * stride); s7.Store(t + 7 * stride); s8.Store(t + 8 * stride); s9.Store(t + 9 * stride); s10.Store(t + 10 * stride); s11.Store(t + 11 * stride);
    }
}
