namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Rows split into blocks of about 16,384 elements: large enough to hide the cost of a hand-over, small enough to
/// balance. Depends on the shape alone, so that results do not depend on the number of threads.
/// </summary>
internal readonly struct RowBlocks(int rows, int columns)
{
    private const int ElementsPerBlock = 16384;

    private readonly int _rows = rows;
    private readonly int _size = Math.Max(1, ElementsPerBlock / Math.Max(1, columns));

    public int Count => _rows == 0 ? 0 : (int)(((long)_rows + _size - 1) / _size);

    public int Start(int block) => block * _size;

    public int End(int block) => (int)Math.Min(_rows, (long)(block + 1) * _size);
}
