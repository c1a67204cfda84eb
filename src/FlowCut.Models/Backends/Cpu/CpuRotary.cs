namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Rotary position embedding, rotate-half convention: in a head of size 2·h, entries i and i + h are rotated by
/// position·inverseFrequency[i]. Query in place, key on its way into the cache; the value is copied beside it.
/// </summary>
internal sealed unsafe class CpuRotary(CpuThreadPool pool) : IParallelJob, IDisposable
{
    private readonly CpuScratch _tables = new();
    private Arguments _arguments;
    private int* _positions;
    private float* _inverseFrequencies;
    private float* _cosines, _sines;
    private RowBlocks _blocks;

    internal struct Arguments
    {
        public CpuView Query, Key, Value, KeyCache, ValueCache;
        public int HeadSize;
    }

    public void Run(in Arguments arguments, ReadOnlySpan<int> positions, ReadOnlySpan<float> inverseFrequencies)
    {
        var entries = (long)positions.Length * inverseFrequencies.Length;
        _arguments = arguments;
        _cosines = (float*)_tables.Rent(2 * entries * sizeof(float));
        _sines = _cosines + entries;
        _blocks = new RowBlocks(positions.Length, arguments.Query.Columns);
        fixed (int* p = positions)
        fixed (float* f = inverseFrequencies)
        {
            _positions = p;
            _inverseFrequencies = f;
            pool.Run(this, _blocks.Count);
        }
    }

    void IParallelJob.Run(int index, int worker)
    {
        ref readonly var a = ref _arguments;
        var half = a.HeadSize / 2;
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
        {
            var cosines = _cosines + (long)row * half;
            var sines = _sines + (long)row * half;
            for (var i = 0; i < half; i++)
                (sines[i], cosines[i]) = MathF.SinCos(_positions[row] * _inverseFrequencies[i]);
            Rotate(a.Query.Row(row), a.Query.Row(row), a.Query.Columns, cosines, sines, half);
            Rotate(a.Key.Row(row), a.KeyCache.Row(row), a.Key.Columns, cosines, sines, half);
            a.Value.RowSpan(row).CopyTo(a.ValueCache.RowSpan(row));
        }
    }

    private static void Rotate(float* source, float* destination, int columns, float* cosines, float* sines, int half)
    {
        for (var head = 0; head < columns; head += 2 * half)
        {
            for (var i = 0; i < half; i++)
            {
                float first = source[head + i], second = source[head + half + i];
                destination[head + i] = first * cosines[i] - second * sines[i];
                destination[head + half + i] = second * cosines[i] + first * sines[i];
            }
        }
    }

    public void Dispose() => _tables.Dispose();
}
