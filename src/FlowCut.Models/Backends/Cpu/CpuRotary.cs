namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Rotary position embedding, rotate-half convention: in a head of size 2·h, entries i and i + h are rotated by
/// position·inverseFrequency[i], the position of the axis that the pair belongs to. Query in place, key on its way into the cache; the value is copied beside it.
/// </summary>
internal sealed unsafe class CpuRotary(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch _tables = new();
    private Arguments _arguments;
    private int[] _positions = [];
    private (int Axes, int FirstEnd, int SecondEnd) _axes;
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

    /// <param name="arguments">Rows to turn.</param>
    /// <param name="positions">Their places; <paramref name="numbers"/> is their buffer.</param>
    /// <param name="numbers">All of it.</param>
    /// <param name="inverseFrequencies">Of the pairs of a head.</param>
    public void Run(in Arguments arguments, in RotaryPositions positions, ReadOnlySpan<int> numbers, ReadOnlySpan<float> inverseFrequencies)
    {
        _arguments = arguments;
        if (!HasTables(positions, numbers, inverseFrequencies)) FillTables(positions, numbers, inverseFrequencies);
        _blocks = new RowBlocks(positions.Rows, arguments.Query.Columns + arguments.Key.Columns);
        pool.Run(this, _blocks.Count);
    }

    /// <summary>All layers of a decoder rotate by the same positions: the sines of the last call mostly serve again.</summary>
    private bool HasTables(in RotaryPositions positions, ReadOnlySpan<int> numbers, ReadOnlySpan<float> inverseFrequencies)
    {
        var rows = positions.Rows;
        if (_tableRows != rows || _axes != AxesOf(positions) || !inverseFrequencies.SequenceEqual(_inverseFrequencies)) return false;
        for (var axis = 0; axis < positions.Axes; axis++)
        {
            if (!Axis(positions, numbers, axis).SequenceEqual(_positions.AsSpan(axis * rows, rows))) return false;
        }

        return true;
    }

    private void FillTables(in RotaryPositions positions, ReadOnlySpan<int> numbers, ReadOnlySpan<float> inverseFrequencies)
    {
        var rows = positions.Rows;
        if (_positions.Length < rows * positions.Axes) _positions = new int[rows * positions.Axes];
        if (_inverseFrequencies.Length != inverseFrequencies.Length) _inverseFrequencies = new float[inverseFrequencies.Length];
        for (var axis = 0; axis < positions.Axes; axis++) Axis(positions, numbers, axis).CopyTo(_positions.AsSpan(axis * rows));
        inverseFrequencies.CopyTo(_inverseFrequencies);
        _axes = AxesOf(positions);
        var entries = (long)rows * inverseFrequencies.Length;
        _cosines = (float*)_tables.Rent(2 * entries * sizeof(float));
        _sines = _cosines + entries;
        _tableRows = rows;
        _blocks = new RowBlocks(rows, 32 * inverseFrequencies.Length);
        _fillTables = true;
        pool.Run(this, _blocks.Count);
        _fillTables = false;
    }

    private static (int Axes, int FirstEnd, int SecondEnd) AxesOf(in RotaryPositions positions) => (positions.Axes, positions.FirstEnd, positions.SecondEnd);

    private static ReadOnlySpan<int> Axis(in RotaryPositions positions, ReadOnlySpan<int> numbers, int axis) =>
        numbers.Slice(positions.Values.Start + axis * positions.AxisStride, positions.Rows);

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
        {
            var axis = i < _axes.FirstEnd ? 0 : i < _axes.SecondEnd ? 1 : 2;
            (_sines[first + i], _cosines[first + i]) = MathF.SinCos(_positions[axis * _tableRows + row] * _inverseFrequencies[i]);
        }
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
