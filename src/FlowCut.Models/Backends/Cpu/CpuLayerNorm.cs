namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = (x − mean)/√(var + ε)·weight + bias per row, the variance from the differences (two passes). y may be x.</summary>
internal sealed unsafe class CpuLayerNorm(CpuThreadPool pool) : IParallelJob
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
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
            Row(_x.Row(row), _weight.Data, _bias.Data, _epsilon, _y.Row(row), _x.Columns);
    }

    private static void Row(float* x, float* weight, float* bias, float epsilon, float* y, int n)
    {
        var sum = 0f;
        for (var i = 0; i < n; i++) sum += x[i];
        var mean = sum / n;
        var squares = 0f;
        for (var i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
        var scale = 1 / MathF.Sqrt(squares / n + epsilon);
        for (var i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
    }
}
