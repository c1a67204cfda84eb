namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = silu(gate)·up, silu(x) = x/(1 + e⁻ˣ); gate [m, n] and up [m, n] lie side by side in each row.</summary>
internal sealed unsafe class CpuGatedSilu(CpuThreadPool pool) : IParallelJob
{
    private CpuView _gateUp, _y;
    private RowBlocks _blocks;

    public void Run(CpuView gateUp, CpuView y)
    {
        (_gateUp, _y) = (gateUp, y);
        _blocks = new RowBlocks(gateUp.Rows, gateUp.Columns);
        pool.Run(this, _blocks.Count);
    }

    void IParallelJob.Run(int index, int worker)
    {
        for (var row = _blocks.Start(index); row < _blocks.End(index); row++)
            Row(_gateUp.Row(row), _gateUp.Row(row) + _y.Columns, _y.Row(row), _y.Columns);
    }

    private static void Row(float* gate, float* up, float* y, int n)
    {
        for (var i = 0; i < n; i++) y[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
    }
}
