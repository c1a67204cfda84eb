using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>Strips of a matrix, transposed four by four in registers.</summary>
internal static unsafe class Transpose
{
    /// <summary>destination[c·destinationStride + r] = source[r·sourceStride + c] for r &lt; 4, c &lt; count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourRows(float* source, long sourceStride, int count, float* destination, long destinationStride)
    {
        float* s0 = source, s1 = s0 + sourceStride, s2 = s1 + sourceStride, s3 = s2 + sourceStride;
        var c = 0;
        for (; c <= count - 4; c += 4, destination += 4 * destinationStride)
        {
            var (a, b, d, e) = (Vector128.Load(s0 + c), Vector128.Load(s1 + c), Vector128.Load(s2 + c), Vector128.Load(s3 + c));
            Vector128<float> lowAb = ZipLow(a, b), highAb = ZipHigh(a, b), lowDe = ZipLow(d, e), highDe = ZipHigh(d, e);
            Vector128.Create(lowAb.GetLower(), lowDe.GetLower()).Store(destination);
            Vector128.Create(lowAb.GetUpper(), lowDe.GetUpper()).Store(destination + destinationStride);
            Vector128.Create(highAb.GetLower(), highDe.GetLower()).Store(destination + 2 * destinationStride);
            Vector128.Create(highAb.GetUpper(), highDe.GetUpper()).Store(destination + 3 * destinationStride);
        }

        for (; c < count; c++, destination += destinationStride)
        {
            destination[0] = s0[c];
            destination[1] = s1[c];
            destination[2] = s2[c];
            destination[3] = s3[c];
        }
    }

    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
