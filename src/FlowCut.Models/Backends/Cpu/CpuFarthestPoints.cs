namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Greedy choice of rows that lie far apart by 1 − cosine. Needs memory for a number per row: distances are made where they are used.
/// </summary>
internal sealed unsafe class CpuFarthestPoints(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch[] _scratch = CpuScratch.ForWorkers(pool);
    private CpuView _x;
    private RowBlocks _blocks;
    private double[] _norms = [];
    private float[] _distances = [];
    private int _latest;

    public void Run(CpuView x, Span<int> points)
    {
        if (points.IsEmpty) return;
        _x = x;
        _norms = new double[x.Rows];
        _distances = new float[x.Rows];
        for (var i = 0; i < x.Rows; i++) _norms[i] = CpuPairwise.Norm(x.Row(i), x.Columns);
        if (!_norms.All(double.IsFinite))
        {
            points.Fill(-1);
            return;
        }

        // the first is the one whose nearest neighbour is farthest
        _latest = -1;
        _blocks = new RowBlocks(x.Rows, (int)Math.Min(int.MaxValue, (long)x.Rows * x.Columns));
        pool.Run(this, _blocks.Count);
        points[0] = Farthest();
        Array.Fill(_distances, float.PositiveInfinity);
        // a step is one product per row: larger blocks than elsewhere, or the hand-over of small ones would cost more than it saves
        _blocks = new RowBlocks(x.Rows, x.Columns / 8);
        for (var i = 1; i < points.Length; i++)
        {
            _latest = points[i - 1];
            pool.Run(this, _blocks.Count);
            // what was chosen is not chosen again, not even among equal rows
            _distances[_latest] = float.NegativeInfinity;
            points[i] = Farthest();
        }
    }

    void IParallelJob.Run(int index, int worker)
    {
        switch (lanes)
        {
            case 16: Block<Lanes512>(index, worker); break;
            case 8: Block<Lanes256>(index, worker); break;
            default: Block<Lanes128>(index, worker); break;
        }
    }

    private void Block<T>(int index, int worker)
        where T : struct, ILanes<T>
    {
        for (var i = _blocks.Start(index); i < _blocks.End(index); i++)
        {
            if (_latest >= 0)
            {
                _distances[i] = Math.Min(_distances[i], Distance(LaneRow.Dot<T>(_x.Row(_latest), _x.Row(i), _x.Columns), i, _latest));
                continue;
            }

            var products = new Span<float>(_scratch[worker].Rent((long)_x.Rows * sizeof(float)), _x.Rows);
            CpuPairwise.Products<T>(_x.Row(i), _x, products);
            var nearest = float.PositiveInfinity;
            for (var j = 0; j < products.Length; j++)
            {
                if (j != i) nearest = Math.Min(nearest, Distance(products[j], i, j));
            }

            _distances[i] = nearest;
        }
    }

    private float Distance(float product, int i, int j) => 1 - CpuPairwise.Cosine(product, _norms[i], _norms[j]);

    private int Farthest()
    {
        var best = 0;
        for (var i = 1; i < _distances.Length; i++)
        {
            if (_distances[i] > _distances[best]) best = i;
        }

        return best;
    }

    public void Dispose()
    {
        foreach (var scratch in _scratch) scratch.Dispose();
    }
}
