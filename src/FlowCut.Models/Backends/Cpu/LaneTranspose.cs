using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace FlowCut.Models.Backends.Cpu;

internal static unsafe class LaneTranspose
{
    /// <summary>destination[c, r] = source[r, c]·factor, strides in elements. By 4×4 squares in registers, the rest one by one.</summary>
    public static void Run(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride, float factor)
    {
        var wholeRows = rows & ~3;
        var wholeColumns = columns & ~3;
        for (var r = 0; r < wholeRows; r += 4)
        {
            for (var c = 0; c < wholeColumns; c += 4)
                Square(source + r * sourceStride + c, sourceStride, destination + c * destinationStride + r, destinationStride, factor);
        }

        for (var r = 0; r < rows; r++)
        {
            for (var c = r < wholeRows ? wholeColumns : 0; c < columns; c++)
                destination[c * destinationStride + r] = source[r * sourceStride + c] * factor;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(float* source, nint sourceStride, float* destination, nint destinationStride, float factor)
    {
        var a = Vector128.Load(source) * factor;
        var b = Vector128.Load(source + sourceStride) * factor;
        var c = Vector128.Load(source + 2 * sourceStride) * factor;
        var d = Vector128.Load(source + 3 * sourceStride) * factor;
        // Interleave by single numbers, then by pairs.
        var abLow = InterleaveLow(a, b);
        var abHigh = InterleaveHigh(a, b);
        var cdLow = InterleaveLow(c, d);
        var cdHigh = InterleaveHigh(c, d);
        Vector128.Create(abLow.GetLower(), cdLow.GetLower()).Store(destination);
        Vector128.Create(abLow.GetUpper(), cdLow.GetUpper()).Store(destination + destinationStride);
        Vector128.Create(abHigh.GetLower(), cdHigh.GetLower()).Store(destination + 2 * destinationStride);
        Vector128.Create(abHigh.GetUpper(), cdHigh.GetUpper()).Store(destination + 3 * destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
