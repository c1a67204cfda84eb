namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = x/√(mean(x²) + ε)·weight per row. y may be x.</summary>
internal sealed unsafe class CpuRmsNorm(CpuThreadPool pool, int lanes) : IParallelJob
{
    private CpuView _x, _weight, _y;
    private float _epsilon;
    private RowBlocks _blocks;

    public void Run(CpuView x, CpuView weight, float epsilon, CpuView y)
    {
        (_x, _weight, _epsilon, _y) = (x, weight, epsilon, y);
        _blocks = new RowBlocks(x.Rows, x.Columns);
        pool.Run(this, _blocks.Count);
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
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
            Row<T>(_x.Row(row), _weight.Data, _epsilon, _y.Row(row), _x.Columns);
    }

    private static void Row<T>(float* x, float* weight, float epsilon, float* y, int n)
        where T : struct, ILanes<T>
    {
        var scale = 1 / MathF.Sqrt(LaneRow.SquaredDistance<T>(x, 0, n) / n + epsilon);
        var scales = T.All(scale);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) T.Store(T.Load(x + i) * scales * T.Load(weight + i), y + i);
        for (; i < n; i++) y[i] = x[i] * scale * weight[i];
    }
}
