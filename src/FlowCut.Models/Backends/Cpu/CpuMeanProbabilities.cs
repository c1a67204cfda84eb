namespace FlowCut.Models.Backends.Cpu;

/// <summary>Means over heads of probabilities whose logarithms are given.</summary>
internal sealed unsafe class CpuMeanProbabilities(CpuThreadPool pool) : IParallelJob
{
    private CpuView _logs, _sums;
    private float _weight;
    private RowBlocks _blocks;

    public void Run(CpuView logProbabilities, float weight, CpuView sums)
    {
        (_logs, _weight, _sums) = (logProbabilities, weight, sums);
        // an exponential costs about as much as 16 other steps
        _blocks = new RowBlocks(sums.Columns, 16 * logProbabilities.Rows);
        pool.Run(this, _blocks.Count);
    }

    void IParallelJob.Run(int index, int worker)
    {
        for (var j = _blocks.Start(index); j < _blocks.End(index); j++)
        {
            var sum = 0.0;
            for (var head = 0; head < _logs.Rows; head++) sum += MathF.Exp(_logs.Row(head)[j]);
            _sums.Data[j] += (float)(_weight * sum / _logs.Rows);
        }
    }
}
