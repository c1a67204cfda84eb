namespace FlowCut.Models.Backends.Cpu;

/// <summary>y += x·scale, element by element.</summary>
internal sealed unsafe class CpuLayerScale(CpuThreadPool pool, int lanes) : IParallelJob
{
    private CpuView _x, _scale, _y;
    private RowBlocks _blocks;

    public void Run(CpuView x, CpuView scale, CpuView y)
    {
        (_x, _scale, _y) = (x, scale, y);
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
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++) Row<T>(_x.Row(row), _scale.Data, _y.Row(row), _x.Columns);
    }

    private static void Row<T>(float* x, float* scale, float* y, int n)
        where T : struct, ILanes<T>
    {
        var i = 0;
        for (; i + T.Count <= n; i += T.Count) T.Store(T.MultiplyAdd(T.Load(x + i), T.Load(scale + i), T.Load(y + i)), y + i);
        for (; i < n; i++) y[i] += x[i] * scale[i];
    }
}
