namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Rotary position embedding, rotate-half convention: in a head of size 2·h, entries i and i + h are rotated by
/// position·inverseFrequency[i]. Query in place, key on its way into the cache; the value is copied beside it.
/// </summary>
internal sealed unsafe class CpuRotary(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch _tables = new();
    private Arguments _arguments;
    private int[] _positions = [];
    private float[] _inverseFrequencies = [];
    private int _tableRows = -1;
    private float* _cosines, _sines;
    private RowBlocks _blocks;
    private bool _fillTables;

    internal struct Arguments
    {
        public CpuView Query, Key, Value, KeyCache, ValueCache;
        public int HeadSize;
    }

    public void Run(in Arguments arguments, ReadOnlySpan<int> positions, ReadOnlySpan<float> inverseFrequencies)
    {
        _arguments = arguments;
        if (!HasTables(positions, inverseFrequencies)) FillTables(positions, inverseFrequencies);
        _blocks = new RowBlocks(positions.Length, arguments.Query.Columns + arguments.Key.Columns);
        pool.Run(this, _blocks.Count);
    }

    /// <summary>All layers of a decoder rotate by the same positions: the sines of the last call mostly serve again.</summary>
    private bool HasTables(ReadOnlySpan<int> positions, ReadOnlySpan<float> inverseFrequencies) =>
        _tableRows == positions.Length
        && positions.SequenceEqual(_positions.AsSpan(0, positions.Length))
        && inverseFrequencies.SequenceEqual(_inverseFrequencies);

    private void FillTables(ReadOnlySpan<int> positions, ReadOnlySpan<float> inverseFrequencies)
    {
        if (_positions.Length < positions.Length) _positions = new int[positions.Length];
        if (_inverseFrequencies.Length != inverseFrequencies.Length) _inverseFrequencies = new float[inverseFrequencies.Length];
        positions.CopyTo(_positions);
        inverseFrequencies.CopyTo(_inverseFrequencies);
        var entries = (long)positions.Length * inverseFrequencies.Length;
        _cosines = (float*)_tables.Rent(2 * entries * sizeof(float));
        _sines = _cosines + entries;
        _tableRows = positions.Length;
        _blocks = new RowBlocks(positions.Length, 32 * inverseFrequencies.Length);
        _fillTables = true;
        pool.Run(this, _blocks.Count);
        _fillTables = false;
    }

    void IParallelJob.Run(int index, int worker)
    {
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
        {
            if (_fillTables)
            {
                FillTable(row);
                continue;
            }

            switch (lanes)
            {
                case 16: Row<Lanes512>(row); break;
                case 8: Row<Lanes256>(row); break;
                default: Row<Lanes128>(row); break;
            }
        }
    }

    private void FillTable(int row)
    {
        var first = (long)row * _inverseFrequencies.Length;
        for (var i = 0; i < _inverseFrequencies.Length; i++)
            (_sines[first + i], _cosines[first + i]) = MathF.SinCos(_positions[row] * _inverseFrequencies[i]);
    }

    private void Row<T>(int row)
        where T : struct, ILanes<T>
    {
        ref readonly var a = ref _arguments;
        var half = a.HeadSize / 2;
        var cosines = _cosines + (long)row * half;
        var sines = _sines + (long)row * half;
        for (var head = 0; head < a.Query.Columns; head += a.HeadSize)
            Rotate<T>(a.Query.Row(row) + head, a.Query.Row(row) + head, cosines, sines, half);
        for (var head = 0; head < a.Key.Columns; head += a.HeadSize)
            Rotate<T>(a.Key.Row(row) + head, a.KeyCache.Row(row) + head, cosines, sines, half);
        a.Value.RowSpan(row).CopyTo(a.ValueCache.RowSpan(row));
    }

    private static void Rotate<T>(float* source, float* destination, float* cosines, float* sines, int half)
        where T : struct, ILanes<T>
    {
        var i = 0;
        for (; i + T.Count <= half; i += T.Count)
        {
            T first = T.Load(source + i), second = T.Load(source + half + i);
            T cosine = T.Load(cosines + i), sine = T.Load(sines + i);
            T.Store(first * cosine - second * sine, destination + i);
            T.Store(second * cosine + first * sine, destination + half + i);
        }

        for (; i < half; i++)
        {
            float first = source[i], second = source[half + i];
            destination[i] = first * cosines[i] - second * sines[i];
            destination[half + i] = second * cosines[i] + first * sines[i];
        }
    }

    public void Dispose() => _tables.Dispose();
}
