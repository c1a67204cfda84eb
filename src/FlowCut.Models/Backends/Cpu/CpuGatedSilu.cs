namespace FlowCut.Models.Backends.Cpu;

/// <summary>y = silu(gate)·up, silu(x) = x/(1 + e⁻ˣ); gate [m, n] and up [m, n] lie side by side in each row.</summary>
internal sealed unsafe class CpuGatedSilu(CpuThreadPool pool, int lanes) : IParallelJob
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
            Row<T>(_gateUp.Row(row), _gateUp.Row(row) + _y.Columns, _y.Row(row), _y.Columns);
    }

    private static void Row<T>(float* gate, float* up, float* y, int n)
        where T : struct, ILanes<T>
    {
        T zero = T.All(0), one = T.All(1);
        var i = 0;
        for (; i + T.Count <= n; i += T.Count)
        {
            var g = T.Load(gate + i);
            // e^−|g| cannot overflow; x/(1 + e⁻ˣ) = x·eˣ/(1 + eˣ).
            var e = Lanes.Exp(zero - T.Abs(g));
            T.Store(T.WhereLess(g, zero, g * e, g) / (one + e) * T.Load(up + i), y + i);
        }

        for (; i < n; i++) y[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
    }
}
