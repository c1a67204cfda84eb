namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Greedy choice by the gain of the determinant of L[i, j] = r_i · cosine(x_i, x_j) · r_j: an incomplete Cholesky factorisation that takes
/// the row with the largest rest of the diagonal next. Rows of L are made where they are used; the factor is all that is kept.
/// </summary>
internal sealed unsafe class CpuGreedyDeterminant(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch _scratch = new();
    private CpuView _x, _relevance;
    private RowBlocks _blocks;
    private double[] _norms = [];
    private float[] _gains = [];
    private float* _factor;
    private int _room, _columns, _latest;

    public void Run(CpuView x, CpuView relevance, Span<int> points)
    {
        if (points.IsEmpty) return;
        (_x, _relevance, _room, _latest) = (x, relevance, points.Length, -1);
        _norms = new double[x.Rows];
        _gains = new float[x.Rows];
        // [rows, points]: row i has an entry for each point so far
        _factor = (float*)_scratch.Rent((long)x.Rows * _room * sizeof(float));
        // a step is a product or two per row: larger blocks than elsewhere, or the hand-over of small ones would cost more than it saves
        _blocks = new RowBlocks(x.Rows, (x.Columns + _room) / 8);
        pool.Run(this, _blocks.Count);
        for (_columns = 0; _columns < points.Length; _columns++)
        {
            if (Largest() is not { } best)
            {
                points[_columns..].Fill(-1);
                return;
            }

            points[_columns] = _latest = best;
            if (_columns + 1 == points.Length) return;
            pool.Run(this, _blocks.Count);
            _gains[best] = float.NegativeInfinity;
        }
    }

    void IParallelJob.Run(int index, int worker)
    {
        switch (lanes)
        {
            case 16: Block<Lanes512>(index); break;
            case 8: Block<Lanes256>(index); break;
            default: Block<Lanes128>(index); break;
        }
    }

    private void Block<T>(int index)
        where T : struct, ILanes<T>
    {
        for (var i = _blocks.Start(index); i < _blocks.End(index); i++)
        {
            if (_latest < 0) Begin<T>(i);
            else if (i != _latest) Reduce<T>(i);
        }
    }

    private void Begin<T>(int row)
        where T : struct, ILanes<T>
    {
        var square = LaneRow.Dot<T>(_x.Row(row), _x.Row(row), _x.Columns);
        _norms[row] = Math.Sqrt(square);
        _gains[row] = Entry(square, row, row);
    }

    /// <summary>e = (L_row,latest − Σ c_row·c_latest)/√gain of the latest; the row's gain loses e².</summary>
    private void Reduce<T>(int row)
        where T : struct, ILanes<T>
    {
        float* own = Factor(row), latest = Factor(_latest);
        var entry = Entry(LaneRow.Dot<T>(_x.Row(_latest), _x.Row(row), _x.Columns), row, _latest);
        entry = (entry - LaneRow.Dot<T>(latest, own, _columns)) / MathF.Sqrt(_gains[_latest]);
        own[_columns] = entry;
        _gains[row] -= entry * entry;
    }

    private float Entry(float product, int i, int j) => Relevance(i) * CpuPairwise.Cosine(product, _norms[i], _norms[j]) * Relevance(j);

    private float Relevance(int row) => _relevance.Data[row];

    private float* Factor(int row) => _factor + (long)row * _room;

    /// <summary>The lowest of the rows with the largest gain; null where none has a positive one.</summary>
    private int? Largest()
    {
        int? best = null;
        var largest = 0f;
        for (var i = 0; i < _gains.Length; i++)
        {
            if (!(_gains[i] > largest) || !float.IsFinite(_gains[i])) continue;
            (best, largest) = (i, _gains[i]);
        }

        return best;
    }

    public void Dispose() => _scratch.Dispose();
}
