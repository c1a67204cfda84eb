namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = (x − mean)/√(var + ε)·weight + bias per row, the variance from the differences (two passes). y may be x.</summary>
internal sealed unsafe class CpuLayerNorm(CpuThreadPool pool, int lanes) : IParallelJob
{
    private CpuView _x, _weight, _bias, _y;
    private float _epsilon;
    private RowBlocks _blocks;

    public void Run(CpuView x, CpuView weight, CpuView bias, float epsilon, CpuView y)
    {
        (_x, _weight, _bias, _epsilon, _y) = (x, weight, bias, epsilon, y);
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
            Row<T>(_x.Row(row), _weight.Data, _bias.Data, _epsilon, _y.Row(row), _x.Columns);
    }

    private static void Row<T>(float* x, float* weight, float* bias, float epsilon, float* y, int n)
        where T : struct, ILanes<T>
    {
        var mean = LaneRow.Sum<T>(x, n) / n;
        var variance = LaneRow.SquaredDistance<T>(x, mean, n) / n;
        var scale = 1 / MathF.Sqrt(variance + epsilon);
        T means = T.All(mean), scales = T.All(scale);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count)
            T.Store(T.MultiplyAdd((T.Load(x + i) - means) * scales, T.Load(weight + i), T.Load(bias + i)), y + i);
        for (; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
    }
}
