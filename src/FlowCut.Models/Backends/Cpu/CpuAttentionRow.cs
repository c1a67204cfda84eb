namespace FlowCut.Models.Backends.Cpu;

/// <summary>One query per sequence against all its keys, and the means that encoders without a CLS token take for it.</summary>
internal sealed unsafe class CpuAttentionRow(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch[] _scratch = CpuScratch.ForWorkers(pool);
    private AttentionRowArguments _arguments;
    private CpuView _query, _key, _value, _globalValue, _logProbabilities;
    private ValueExport _values;
    private RowBlocks _valueBlocks;
    private int _headParts;

    /// <exception cref="ArgumentException">Shapes disagree.</exception>
    public void Run(in AttentionRowArguments a)
    {
        _arguments = a;
        var (sequences, rows) = (a.Keys.Count, a.Keys.Rows);
        if (a.HeadSize < 1 || a.KeyValueHeads < 1 || a.Heads < a.KeyValueHeads || a.Heads % a.KeyValueHeads != 0)
            throw new ArgumentException($"{a.Heads} heads of size {a.HeadSize} cannot share {a.KeyValueHeads} key/value heads.", nameof(a));
        _query = CpuView.Of(a.Query, sequences, a.Heads * a.HeadSize, nameof(a.Query));
        _globalValue = CpuView.Of(a.GlobalValue, sequences, a.KeyValueHeads * a.HeadSize, nameof(a.GlobalValue));
        _key = CpuView.Of(a.Key, rows, a.KeyValueHeads * a.HeadSize, nameof(a.Key));
        _value = CpuView.Of(a.Value, rows, a.KeyValueHeads * a.HeadSize, nameof(a.Value));
        _logProbabilities = CpuView.Of(a.Export.LogProbabilities, a.Heads, rows, nameof(a.Export.LogProbabilities));
        _values = new ValueExport(a.Export, _value, a.KeyValueHeads, a.HeadSize);
        _valueBlocks = new RowBlocks(rows, a.KeyValueHeads * a.HeadSize);
        _headParts = sequences * a.Heads;
        if (a.Export.GlobalSquaredNorms is { } norms) GlobalNorms(CpuView.Of(norms, 1, sequences, nameof(a.Export.GlobalSquaredNorms)));
        pool.Run(this, _headParts + _valueBlocks.Count);
        _arguments = default;
    }

    /// <summary>The mean of each sequence's rows, added in their order.</summary>
    public static void Mean(CpuView x, Sequences sequences, CpuView mean)
    {
        for (var s = 0; s < sequences.Count; s++)
        {
            var sums = mean.Row(s);
            mean.RowSpan(s).Clear();
            var end = sequences.Start(s) + sequences.Length(s);
            for (var row = sequences.Start(s); row < end; row++) LaneRow.AddScaled<Lanes256>(x.Row(row), 1, sums, mean.Columns);
            for (var i = 0; i < mean.Columns && end > sequences.Start(s); i++) sums[i] /= sequences.Length(s);
        }
    }

    void IParallelJob.Run(int index, int worker)
    {
        switch (lanes)
        {
            case 16: Part<Lanes512>(index, worker); break;
            case 8: Part<Lanes256>(index, worker); break;
            default: Part<Lanes128>(index, worker); break;
        }
    }

    private void Part<T>(int index, int worker)
        where T : struct, ILanes<T>
    {
        if (index < _headParts) Head<T>(index / _arguments.Heads, index % _arguments.Heads);
        else Values<T>(index - _headParts, _scratch[worker]);
    }

    private void Head<T>(int sequence, int head)
        where T : struct, ILanes<T>
    {
        var (start, count, size) = (_arguments.Keys.Start(sequence), _arguments.Keys.Length(sequence), _arguments.HeadSize);
        if (count == 0) return;
        var query = _query.Row(sequence) + head * size;
        var column = head / (_arguments.Heads / _arguments.KeyValueHeads) * size;
        var row = _logProbabilities.Row(head) + start;
        var largest = float.NegativeInfinity;
        for (var j = 0; j < count; j++)
        {
            row[j] = LaneRow.Dot<T>(query, _key.Row(start + j) + column, size) * _arguments.Scale;
            largest = MathF.Max(largest, row[j]);
        }

        var sum = 0.0;
        for (var j = 0; j < count; j++) sum += Math.Exp(row[j] - largest);
        var logSum = (float)(largest + Math.Log(sum));
        for (var j = 0; j < count; j++) row[j] -= logSum;
    }

    private void Values<T>(int block, CpuScratch scratch)
        where T : struct, ILanes<T>
    {
        var total = (float*)scratch.Rent(_arguments.HeadSize * sizeof(float));
        var sequence = 0;
        for (var row = _valueBlocks.Start(block); row < _valueBlocks.End(block); row++)
        {
            while (row >= _arguments.Keys.Offsets[sequence + 1]) sequence++;
            _values.Row<T>(_globalValue.Row(sequence), row, total);
        }
    }

    private void GlobalNorms(CpuView norms)
    {
        for (var s = 0; s < norms.Columns; s++)
        {
            var value = _globalValue.Row(s);
            norms.Data[s] = LaneRow.Dot<Lanes128>(value, value, _globalValue.Columns);
        }
    }

    public void Dispose()
    {
        foreach (var scratch in _scratch) scratch.Dispose();
    }
}
