using System.Numerics;
using System.Runtime.CompilerServices;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Activation functions, a vector at a time. NaN stays NaN.</summary>
internal static class VectorMath
{
    /// <summary>x·σ(1.702·x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> QuickGelu(Vector<float> x) => x / (Vector<float>.One + Vector.Exp(x * new Vector<float>(-1.702f)));

    /// <summary>x·σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Silu(Vector<float> x) => x / (Vector<float>.One + Vector.Exp(-x));

    /// <summary>x/2·(1 + tanh(u)) = x·σ(2·u), u = √(2/π)·(x + 0.044715·x³).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> GeluTanh(Vector<float> x)
    {
        // −2·√(2/π)·x·(1 + 0.044715·x²)
        var u = x * new Vector<float>(-1.5957691f) * (Vector<float>.One + x * x * new Vector<float>(0.044715f));
        return x / (Vector<float>.One + Vector.Exp(u));
    }

    /// <summary>
    /// x·Φ(x), to 3e-7 of the result on both sides: Φ(−z√2) = erfc(z)/2 with erfc(z) = g(t)·e^(−z²), t = 1/(1 + z/2), g a
    /// polynomial fitted to the scaled complementary error function for z up to 10, where e^(−z²) has long vanished.
    /// </summary>
    public static Vector<float> Gelu(Vector<float> x)
    {
        var z = Vector.Abs(x) * new Vector<float>(0.70710678f);
        var t = Vector<float>.One / (Vector<float>.One + z * new Vector<float>(0.5f));
        var g = new Vector<float>(0.03483942896127701f);
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(-0.24999147653579712f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.7396323680877686f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(-1.1065644025802612f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.8095210790634155f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(-0.32609719038009644f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.31459248065948486f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.21578891575336456f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.28653624653816223f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(0.28172942996025085f));
        g = Vector.FusedMultiplyAdd(g, t, new Vector<float>(1.3106556252751034e-05f));
        var tail = new Vector<float>(0.5f) * g * Vector.Exp(-z * z);
        // far out on both sides the answer is x or 0, also where the formula would multiply infinity by 0
        var near = Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), x * tail, x - x * tail);
        near = Vector.ConditionalSelect(Vector.GreaterThan(x, new Vector<float>(20f)), x, near);
        return Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(-20f)), Vector<float>.Zero, near);
    }
}
