using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>
/// 6 weight rows by 8 activation rows in 12 accumulators of 128 bits: with two loads and 6 broadcasts for
/// 12 multiply-adds the multipliers never wait, and all of it fits the 32 vector registers of Arm (x86 without AVX2 has 16 and spills).
/// </summary>
internal readonly unsafe struct GemmTile128 : IGemmTile
{
    public static int Rows => 6;

    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* w, float* x, int k, float* t, int stride, bool accumulate)
    {
        Vector128<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector128<float> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        if (accumulate)
        {
            a0 = Vector128.Load(t); a1 = Vector128.Load(t + 4);
            b0 = Vector128.Load(t + 1 * stride); b1 = Vector128.Load(t + 1 * stride + 4);
            c0 = Vector128.Load(t + 2 * stride); c1 = Vector128.Load(t + 2 * stride + 4);
            d0 = Vector128.Load(t + 3 * stride); d1 = Vector128.Load(t + 3 * stride + 4);
            e0 = Vector128.Load(t + 4 * stride); e1 = Vector128.Load(t + 4 * stride + 4);
            f0 = Vector128.Load(t + 5 * stride); f1 = Vector128.Load(t + 5 * stride + 4);
        }

        for (; k > 0; k--, w++, x += 8)
        {
            Vector128<float> x0 = Vector128.Load(x), x1 = Vector128.Load(x + 4);
            var v = Vector128.Create(w[0]); a0 = Vector128.MultiplyAddEstimate(v, x0, a0); a1 = Vector128.MultiplyAddEstimate(v, x1, a1);
            v = Vector128.Create(w[1 * GemmBlocks.Depth]); b0 = Vector128.MultiplyAddEstimate(v, x0, b0); b1 = Vector128.MultiplyAddEstimate(v, x1, b1);
            v = Vector128.Create(w[2 * GemmBlocks.Depth]); c0 = Vector128.MultiplyAddEstimate(v, x0, c0); c1 = Vector128.MultiplyAddEstimate(v, x1, c1);
            v = Vector128.Create(w[3 * GemmBlocks.Depth]); d0 = Vector128.MultiplyAddEstimate(v, x0, d0); d1 = Vector128.MultiplyAddEstimate(v, x1, d1);
            v = Vector128.Create(w[4 * GemmBlocks.Depth]); e0 = Vector128.MultiplyAddEstimate(v, x0, e0); e1 = Vector128.MultiplyAddEstimate(v, x1, e1);
            v = Vector128.Create(w[5 * GemmBlocks.Depth]); f0 = Vector128.MultiplyAddEstimate(v, x0, f0); f1 = Vector128.MultiplyAddEstimate(v, x1, f1);
        }

        a0.Store(t); a1.Store(t + 4);
        b0.Store(t + 1 * stride); b1.Store(t + 1 * stride + 4);
        c0.Store(t + 2 * stride); c1.Store(t + 2 * stride + 4);
        d0.Store(t + 3 * stride); d1.Store(t + 3 * stride + 4);
        e0.Store(t + 4 * stride); e1.Store(t + 4 * stride + 4);
        f0.Store(t + 5 * stride); f1.Store(t + 5 * stride + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RunHalf(float* w, float* x, int k, float* t, int stride, bool accumulate)
    {
        Vector128<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
        if (accumulate)
        {
            s0 = Vector128.Load(t); s1 = Vector128.Load(t + 1 * stride); s2 = Vector128.Load(t + 2 * stride);
            s3 = Vector128.Load(t + 3 * stride); s4 = Vector128.Load(t + 4 * stride); s5 = Vector128.Load(t + 5 * stride);
        }

        for (; k > 0; k--, w++, x += 8)
        {
            var v = Vector128.Load(x);
            s0 = Vector128.MultiplyAddEstimate(Vector128.Create(w[0]), v, s0);
            s1 = Vector128.MultiplyAddEstimate(Vector128.Create(w[1 * GemmBlocks.Depth]), v, s1);
            s2 = Vector128.MultiplyAddEstimate(Vector128.Create(w[2 * GemmBlocks.Depth]), v, s2);
            s3 = Vector128.MultiplyAddEstimate(Vector128.Create(w[3 * GemmBlocks.Depth]), v, s3);
            s4 = Vector128.MultiplyAddEstimate(Vector128.Create(w[4 * GemmBlocks.Depth]), v, s4);
            s5 = Vector128.MultiplyAddEstimate(Vector128.Create(w[5 * GemmBlocks.Depth]), v, s5);
        }

        s0.Store(t); s1.Store(t + 1 * stride); s2.Store(t + 2 * stride);
        s3.Store(t + 3 * stride); s4.Store(t + 4 * stride); s5.Store(t + 5 * stride);
    }
}
