using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>
/// y = activation(x·Wᵀ + bias) + residual for one row: each stored weight is read once, four rows of the matrix side by
/// side, so that the time is that of reading it.
/// </summary>
internal sealed unsafe class CpuGemv(CpuThreadPool pool, int lanes) : IParallelJob
{
    /// <summary>Outputs per part of work: enough that the beginnings of its four streams, which nothing has fetched yet, do not count.</summary>
    private const int MinRows = 32, MaxRows = 256;

    /// <summary>Parts per worker where the matrix allows it, so that a slower core does less.</summary>
    private const int PartsPerWorker = 8;

    /// <summary>Bytes ahead of the weights in use, in each of the four streams.</summary>
    private const int PrefetchDistance = 4096;

    private LinearArguments _arguments;
    private int _rowsPerPart;

    public void Run(in LinearArguments arguments)
    {
        _arguments = arguments;
        _rowsPerPart = Math.Clamp(arguments.Weight.Rows / (PartsPerWorker * pool.Workers) / 4 * 4, MinRows, MaxRows);
        pool.Run(this, (arguments.Weight.Rows + _rowsPerPart - 1) / _rowsPerPart);
        _arguments = default;
    }

    void IParallelJob.Run(int index, int worker)
    {
        var first = index * _rowsPerPart;
        var count = Math.Min(_rowsPerPart, _arguments.Weight.Rows - first);
        var sums = stackalloc float[MaxRows + 16];
        var quarter = (count + 3) / 4;
        for (var i = 0; i < quarter; i++)
        {
            switch (lanes)
            {
                case 16: FourRows<Lanes512>(first + i, quarter, sums + i); break;
                case 8: FourRows<Lanes256>(first + i, quarter, sums + i); break;
                default: FourRows<Lanes128>(first + i, quarter, sums + i); break;
            }
        }

        if (_arguments.Bias is { } bias)
        {
            for (var i = 0; i < count; i++) sums[i] += bias.Data[first + i];
        }

        if (_arguments.Activation != Activation.None) GemmEpilogue.Activate(sums, count, 0, _arguments.Activation);
        var residual = _arguments.Residual is { } r ? r.Data + first : null;
        var output = _arguments.Y.Data + first;
        for (var i = 0; i < count; i++) output[i] = residual is null ? sums[i] : sums[i] + residual[i];
    }

    /// <summary>
    /// Products of x with rows first, first + step, first + 2·step, first + 3·step; beyond the matrix the last row again.
    /// Rows a step apart make four streams that each go on in the next call, which is what prefetchers follow.
    /// </summary>
    private void FourRows<T>(int first, int step, float* sums)
        where T : struct, ILanes<T>
    {
        var weight = _arguments.Weight;
        var last = weight.Rows - 1;
        byte* w0 = weight.Row(first), w1 = weight.Row(Math.Min(first + step, last));
        byte* w2 = weight.Row(Math.Min(first + 2 * step, last)), w3 = weight.Row(Math.Min(first + 3 * step, last));
        var x = _arguments.X.Data;
        switch (weight.Type)
        {
            case StoredType.Float16: Dot<T, HalfWeights>(w0, w1, w2, w3, x, weight.Columns, sums, step); break;
            case StoredType.BFloat16: Dot<T, BFloat16Weights>(w0, w1, w2, w3, x, weight.Columns, sums, step); break;
            default: Dot<T, SingleWeights>(w0, w1, w2, w3, x, weight.Columns, sums, step); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot<T, TWeights>(byte* w0, byte* w1, byte* w2, byte* w3, float* x, int count, float* sums, int step)
        where T : struct, ILanes<T>
        where TWeights : struct, IStoredWeights
    {
        T s0 = T.All(0), s1 = s0, s2 = s0, s3 = s0, largest = s0;
        var i = 0;
        for (; i <= count - T.Count; i += T.Count)
        {
            var next = (long)i * TWeights.Size + PrefetchDistance;
            Prefetch(w0 + next);
            Prefetch(w1 + next);
            Prefetch(w2 + next);
            Prefetch(w3 + next);
            var v = T.Load(x + i);
            s0 = T.MultiplyAdd(TWeights.Load(w0, i, ref largest), v, s0);
            s1 = T.MultiplyAdd(TWeights.Load(w1, i, ref largest), v, s1);
            s2 = T.MultiplyAdd(TWeights.Load(w2, i, ref largest), v, s2);
            s3 = T.MultiplyAdd(TWeights.Load(w3, i, ref largest), v, s3);
        }

        // infinity and NaN, which the fast widening does not know, are rare
        if (T.Largest(largest) >= HalfWeights.Infinity)
        {
            s0 = SumExactly<T, TWeights>(w0, x, i);
            s1 = SumExactly<T, TWeights>(w1, x, i);
            s2 = SumExactly<T, TWeights>(w2, x, i);
            s3 = SumExactly<T, TWeights>(w3, x, i);
        }

        sums[0] = T.Sum(s0) + Rest<TWeights>(w0, x, i, count);
        sums[step] = T.Sum(s1) + Rest<TWeights>(w1, x, i, count);
        sums[2 * step] = T.Sum(s2) + Rest<TWeights>(w2, x, i, count);
        sums[3 * step] = T.Sum(s3) + Rest<TWeights>(w3, x, i, count);
    }

    /// <summary>The same sums in the same order, weight by weight.</summary>
    private static T SumExactly<T, TWeights>(byte* w, float* x, int count)
        where T : struct, ILanes<T>
        where TWeights : struct, IStoredWeights
    {
        var weights = stackalloc float[T.Count];
        var sum = T.All(0);
        for (var i = 0; i < count; i += T.Count)
        {
            for (var lane = 0; lane < T.Count; lane++) weights[lane] = TWeights.Exactly(w, i + lane);
            sum = T.MultiplyAdd(T.Load(weights), T.Load(x + i), sum);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* address)
    {
        if (Sse.IsSupported) Sse.Prefetch0(address);
    }

    private static float Rest<TWeights>(byte* w, float* x, int start, int count)
        where TWeights : struct, IStoredWeights
    {
        var sum = 0f;
        for (var i = start; i < count; i++) sum += TWeights.Exactly(w, i) * x[i];
        return sum;
    }
}
