namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = x/√(mean(x²) + ε)·weight per row. y may be x.</summary>
internal sealed unsafe class CpuRmsNorm(CpuThreadPool pool) : IParallelJob
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
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
            Row(_x.Row(row), _weight.Data, _epsilon, _y.Row(row), _x.Columns);
    }

    private static void Row(float* x, float* weight, float epsilon, float* y, int n)
    {
        var squares = 0f;
        for (var i = 0; i < n; i++) squares += x[i] * x[i];
        var scale = 1 / MathF.Sqrt(squares / n + epsilon);
        for (var i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
    }
}
