namespace FlowCut.Models.Backends.Cpu;

/// <summary>Weighted sums of rows, added in the order in which they are written down.</summary>
internal sealed unsafe class CpuMixRows(CpuThreadPool pool, int lanes) : IParallelJob
{
    private CpuView _x, _y;
    private RowMix? _mix;

    /// <exception cref="ArgumentException">Shapes disagree, or the mix names a row that x does not have.</exception>
    public void Run(CpuView x, RowMix mix, CpuView y)
    {
        mix.CheckSources(x.Rows);
        (_x, _mix, _y) = (x, mix, y);
        pool.Run(this, y.Rows);
        _mix = null;
    }

    void IParallelJob.Run(int index, int worker)
    {
        switch (lanes)
        {
            case 16: Row<Lanes512>(index); break;
            case 8: Row<Lanes256>(index); break;
            default: Row<Lanes128>(index); break;
        }
    }

    private void Row<T>(int row)
        where T : struct, ILanes<T>
    {
        var sources = _mix!.Sources(row);
        var weights = _mix.Weights(row);
        _y.RowSpan(row).Clear();
        for (var i = 0; i < sources.Length; i++) LaneRow.AddScaled<T>(_x.Row(sources[i]), weights[i], _y.Row(row), _y.Columns);
    }
}
