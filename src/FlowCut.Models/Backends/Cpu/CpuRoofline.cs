using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>What this machine's cores can do at best, measured: the ceilings that benchmarks are given as a share of.</summary>
public static unsafe class CpuRoofline
{
    private const int Rounds = 5;

    /// <summary>fp32 fused multiply-adds from registers on all cores, in GFLOP/s.</summary>
    public static double ComputeGflops()
    {
        using var pool = new CpuThreadPool(Environment.ProcessorCount);
        var job = new MultiplyAdds();
        return Best(pool, job, pool.Workers * MultiplyAdds.FlopsPerPart);
    }

    /// <summary>Reading memory far larger than the caches on all cores, in GB/s.</summary>
    public static double BandwidthGBs()
    {
        using var probe = new ReadProbe();
        var best = double.MaxValue;
        for (var i = 0; i <= Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            probe.Read(ReadProbe.Capacity);
            if (i > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return ReadProbe.Capacity / best / 1e9;
    }

    /// <summary>Giga-units per second of the fastest round.</summary>
    private static double Best(CpuThreadPool pool, IParallelJob job, double units)
    {
        var best = double.MaxValue;
        for (var i = 0; i <= Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            pool.Run(job, pool.Workers);
            if (i > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return units / best / 1e9;
    }

    private sealed class MultiplyAdds : IParallelJob
    {
        private const int Iterations = 4_000_000;
        private float _sink;

        /// <summary>Twelve independent chains hide the latency of a fused multiply-add on every current core.</summary>
        public static double FlopsPerPart => Iterations * 12.0 * 2 * (Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4);

        public void Run(int index, int worker) => _sink = Vector512.IsHardwareAccelerated ? Run512() : Vector256.IsHardwareAccelerated ? Run256() : Run128();

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Run512()
        {
            Vector512<float> a0 = default, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
            Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(0.001f);
            for (var i = 0; i < Iterations; i++)
            {
                a0 = Vector512.FusedMultiplyAdd(a0, x, y); a1 = Vector512.FusedMultiplyAdd(a1, x, y); a2 = Vector512.FusedMultiplyAdd(a2, x, y);
                a3 = Vector512.FusedMultiplyAdd(a3, x, y); a4 = Vector512.FusedMultiplyAdd(a4, x, y); a5 = Vector512.FusedMultiplyAdd(a5, x, y);
                a6 = Vector512.FusedMultiplyAdd(a6, x, y); a7 = Vector512.FusedMultiplyAdd(a7, x, y); a8 = Vector512.FusedMultiplyAdd(a8, x, y);
                a9 = Vector512.FusedMultiplyAdd(a9, x, y); a10 = Vector512.FusedMultiplyAdd(a10, x, y); a11 = Vector512.FusedMultiplyAdd(a11, x, y);
            }

            return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11).ToScalar();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Run256()
        {
            Vector256<float> a0 = default, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
            Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(0.001f);
            for (var i = 0; i < Iterations; i++)
            {
                a0 = Vector256.FusedMultiplyAdd(a0, x, y); a1 = Vector256.FusedMultiplyAdd(a1, x, y); a2 = Vector256.FusedMultiplyAdd(a2, x, y);
                a3 = Vector256.FusedMultiplyAdd(a3, x, y); a4 = Vector256.FusedMultiplyAdd(a4, x, y); a5 = Vector256.FusedMultiplyAdd(a5, x, y);
                a6 = Vector256.FusedMultiplyAdd(a6, x, y); a7 = Vector256.FusedMultiplyAdd(a7, x, y); a8 = Vector256.FusedMultiplyAdd(a8, x, y);
                a9 = Vector256.FusedMultiplyAdd(a9, x, y); a10 = Vector256.FusedMultiplyAdd(a10, x, y); a11 = Vector256.FusedMultiplyAdd(a11, x, y);
            }

            return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11).ToScalar();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Run128()
        {
            Vector128<float> a0 = default, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
            Vector128<float> x = Vector128.Create(0.999f), y = Vector128.Create(0.001f);
            for (var i = 0; i < Iterations; i++)
            {
                a0 = Vector128.MultiplyAddEstimate(a0, x, y); a1 = Vector128.MultiplyAddEstimate(a1, x, y); a2 = Vector128.MultiplyAddEstimate(a2, x, y);
                a3 = Vector128.MultiplyAddEstimate(a3, x, y); a4 = Vector128.MultiplyAddEstimate(a4, x, y); a5 = Vector128.MultiplyAddEstimate(a5, x, y);
                a6 = Vector128.MultiplyAddEstimate(a6, x, y); a7 = Vector128.MultiplyAddEstimate(a7, x, y); a8 = Vector128.MultiplyAddEstimate(a8, x, y);
                a9 = Vector128.MultiplyAddEstimate(a9, x, y); a10 = Vector128.MultiplyAddEstimate(a10, x, y); a11 = Vector128.MultiplyAddEstimate(a11, x, y);
            }

            return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11).ToScalar();
        }
    }

    /// <summary>Reads memory that no cache holds, on all cores: what bandwidth is measured with.</summary>
    internal sealed class ReadProbe : IParallelJob, IDisposable
    {
        /// <summary>Bytes it goes round in.</summary>
        public const long Capacity = 512L << 20;

        /// <summary>Bytes per part of work.</summary>
        private const long Part = 256 << 10;

        private readonly CpuThreadPool _pool = new(Environment.ProcessorCount);
        private readonly byte* _data = (byte*)NativeMemory.AlignedAlloc((nuint)Capacity, 64);
        private long _position;
        private float _sink;

        public ReadProbe() => NativeMemory.Fill(_data, (nuint)Capacity, 1);

        /// <summary>Reads so many bytes, rounded up to whole parts, on from where the last call ended.</summary>
        public void Read(long bytes)
        {
            var parts = (bytes + Part - 1) / Part;
            _pool.Run(this, (int)parts);
            _position = (_position + parts * Part) % Capacity;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void IParallelJob.Run(int index, int worker)
        {
            // four sums, so that no add waits for another
            var p = (float*)(_data + (_position + index * Part) % Capacity);
            Vector512<float> s0 = default, s1 = s0, s2 = s0, s3 = s0;
            for (var end = p + Part / sizeof(float); p < end; p += 64)
            {
                s0 += Vector512.Load(p);
                s1 += Vector512.Load(p + 16);
                s2 += Vector512.Load(p + 32);
                s3 += Vector512.Load(p + 48);
            }

            _sink = (s0 + s1 + s2 + s3).ToScalar();
        }

        public void Dispose()
        {
            _pool.Dispose();
            NativeMemory.AlignedFree(_data);
        }
    }
}
