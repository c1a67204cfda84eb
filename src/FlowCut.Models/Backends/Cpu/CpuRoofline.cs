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
        public static double FlopsPerPart => Iterations * 12.0 * 2 * LaneWidth.Widest;

        public void Run(int index, int worker) => _sink = LaneWidth.Widest switch
        {
            16 => Chains<Lanes512>(),
            8 => Chains<Lanes256>(),
            _ => Chains<Lanes128>(),
        };

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Chains<T>()
            where T : struct, ILanes<T>
        {
            T a0 = T.All(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
            T x = T.All(0.999f), y = T.All(0.001f);
            for (var i = 0; i < Iterations; i++)
            {
                a0 = T.MultiplyAdd(a0, x, y); a1 = T.MultiplyAdd(a1, x, y); a2 = T.MultiplyAdd(a2, x, y); a3 = T.MultiplyAdd(a3, x, y);
                a4 = T.MultiplyAdd(a4, x, y); a5 = T.MultiplyAdd(a5, x, y); a6 = T.MultiplyAdd(a6, x, y); a7 = T.MultiplyAdd(a7, x, y);
                a8 = T.MultiplyAdd(a8, x, y); a9 = T.MultiplyAdd(a9, x, y); a10 = T.MultiplyAdd(a10, x, y); a11 = T.MultiplyAdd(a11, x, y);
            }

            return T.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
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
