using System.Numerics;
using System.Runtime.CompilerServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>
/// y = activation(x·Wᵀ + bias) + residual for one row: each stored weight is read once, in the order it lies in memory,
/// so that the time is that of reading it.
/// </summary>
internal sealed unsafe class CpuGemv(CpuThreadPool pool) : IParallelJob
{
    /// <summary>Outputs per part of work.</summary>
    private const int RowsPerPart = 32;

    private LinearArguments _arguments;

    public void Run(in LinearArguments arguments)
    {
        _arguments = arguments;
        pool.Run(this, (arguments.Weight.Rows + RowsPerPart - 1) / RowsPerPart);
        _arguments = default;
    }

    void IParallelJob.Run(int index, int worker)
    {
        var first = index * RowsPerPart;
        var count = Math.Min(RowsPerPart, _arguments.Weight.Rows - first);
        var sums = stackalloc float[RowsPerPart + 16];
        var weight = _arguments.Weight;
        for (var i = 0; i < count; i++)
        {
            var row = weight.Row(first + i);
            sums[i] = weight.Type switch
            {
                StoredType.Float16 => DotHalf((short*)row, _arguments.X.Data, weight.Columns),
                StoredType.BFloat16 => DotBFloat16((short*)row, _arguments.X.Data, weight.Columns),
                _ => DotSingle((float*)row, _arguments.X.Data, weight.Columns),
            };
            if (_arguments.Bias is { } bias) sums[i] += bias.Data[first + i];
        }

        if (_arguments.Activation != Activation.None) GemmEpilogue.Activate(sums, count, 0, _arguments.Activation);
        var residual = _arguments.Residual is { } r ? r.Data + first : null;
        var output = _arguments.Y.Data + first;
        for (var i = 0; i < count; i++) output[i] = residual is null ? sums[i] : sums[i] + residual[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotHalf(short* w, float* x, int count)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        Vector<short> largest = default;
        var exponent = new Vector<short>(0x7FFF);
        var i = 0;
        int half = Vector<float>.Count, whole = Vector<short>.Count;
        for (; i <= count - 2 * whole; i += 2 * whole)
        {
            var a = Unsafe.ReadUnaligned<Vector<short>>(w + i);
            var b = Unsafe.ReadUnaligned<Vector<short>>(w + i + whole);
            largest = Vector.Max(largest, Vector.Max(Vector.BitwiseAnd(a, exponent), Vector.BitwiseAnd(b, exponent)));
            s0 = Vector.FusedMultiplyAdd(WeightRow.FromFiniteHalf(Vector.WidenLower(a)), Unsafe.ReadUnaligned<Vector<float>>(x + i), s0);
            s1 = Vector.FusedMultiplyAdd(WeightRow.FromFiniteHalf(Vector.WidenUpper(a)), Unsafe.ReadUnaligned<Vector<float>>(x + i + half), s1);
            s2 = Vector.FusedMultiplyAdd(WeightRow.FromFiniteHalf(Vector.WidenLower(b)), Unsafe.ReadUnaligned<Vector<float>>(x + i + whole), s2);
            s3 = Vector.FusedMultiplyAdd(WeightRow.FromFiniteHalf(Vector.WidenUpper(b)), Unsafe.ReadUnaligned<Vector<float>>(x + i + whole + half), s3);
        }

        // an exponent of 31 is infinity or NaN, which the fast conversion does not know; such rows are rare
        if (Vector.GreaterThanOrEqualAny(largest, new Vector<short>(0x7C00))) return DotHalfExactly(w, x, count);
        var sum = Vector.Sum((s0 + s1) + (s2 + s3));
        for (; i < count; i++) sum += (float)BitConverter.Int16BitsToHalf(Unsafe.ReadUnaligned<short>(w + i)) * x[i];
        return sum;
    }

    private static float DotHalfExactly(short* w, float* x, int count)
    {
        var sum = 0f;
        for (var i = 0; i < count; i++) sum += (float)BitConverter.Int16BitsToHalf(Unsafe.ReadUnaligned<short>(w + i)) * x[i];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotBFloat16(short* w, float* x, int count)
    {
        Vector<float> s0 = default, s1 = default;
        var i = 0;
        int half = Vector<float>.Count, whole = Vector<short>.Count;
        for (; i <= count - whole; i += whole)
        {
            var a = Unsafe.ReadUnaligned<Vector<short>>(w + i);
            s0 = Vector.FusedMultiplyAdd(Vector.AsVectorSingle(Vector.ShiftLeft(Vector.WidenLower(a), 16)), Unsafe.ReadUnaligned<Vector<float>>(x + i), s0);
            s1 = Vector.FusedMultiplyAdd(Vector.AsVectorSingle(Vector.ShiftLeft(Vector.WidenUpper(a), 16)), Unsafe.ReadUnaligned<Vector<float>>(x + i + half), s1);
        }

        var sum = Vector.Sum(s0 + s1);
        for (; i < count; i++) sum += BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<short>(w + i) << 16) * x[i];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotSingle(float* w, float* x, int count)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        var width = Vector<float>.Count;
        for (; i <= count - 4 * width; i += 4 * width)
        {
            s0 = Vector.FusedMultiplyAdd(Unsafe.ReadUnaligned<Vector<float>>(w + i), Unsafe.ReadUnaligned<Vector<float>>(x + i), s0);
            s1 = Vector.FusedMultiplyAdd(Unsafe.ReadUnaligned<Vector<float>>(w + i + width), Unsafe.ReadUnaligned<Vector<float>>(x + i + width), s1);
            s2 = Vector.FusedMultiplyAdd(Unsafe.ReadUnaligned<Vector<float>>(w + i + 2 * width), Unsafe.ReadUnaligned<Vector<float>>(x + i + 2 * width), s2);
            s3 = Vector.FusedMultiplyAdd(Unsafe.ReadUnaligned<Vector<float>>(w + i + 3 * width), Unsafe.ReadUnaligned<Vector<float>>(x + i + 3 * width), s3);
        }

        var sum = Vector.Sum((s0 + s1) + (s2 + s3));
        for (; i < count; i++) sum += Unsafe.ReadUnaligned<float>(w + i) * x[i];
        return sum;
    }
}
