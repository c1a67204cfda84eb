namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Attention without an N×N matrix. Sequences of several query rows go in blocks of rows
/// (<see cref="AttentionBlock"/>), single rows (decoding) in ranges of keys (<see cref="AttentionRange"/>), and what an
/// export wants of the values in blocks of key rows beside them; all parts of one pass are balanced over the pool together.
/// </summary>
internal sealed unsafe class CpuAttention(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private const int MaxBlockRows = 256;

    private readonly CpuScratch[] _scratch = CpuScratch.ForWorkers(pool);
    private readonly CpuScratch _partials = new();
    private AttentionPass _pass;
    private RowBlocks _valueBlocks;
    private float* _partial;
    private int _blockRows, _rangeKeys, _blockParts, _rangeParts;

    /// <exception cref="ArgumentException">Shapes disagree, or a sequence lacks the row to export.</exception>
    public void Run(in AttentionArguments arguments)
    {
        _pass = new AttentionPass(arguments);
        Plan();
        _valueBlocks = _pass.Exports ? new RowBlocks(_pass.Keys.Rows, _pass.KeyValueHeads * _pass.HeadSize) : default;
        _partial = (float*)_partials.Rent((long)_rangeParts * _pass.PartialLength * sizeof(float));
        pool.Run(this, _blockParts + _rangeParts + _valueBlocks.Count);
        if (_rangeParts > 0) Merge();
        _pass = default;
    }

    /// <summary>Blocks get smaller where there are many threads: rows do not influence each other, so this does not show in the results.</summary>
    private void Plan()
    {
        var panel = 2 * lanes;
        _blockRows = MaxBlockRows;
        _rangeKeys = Math.Clamp(131072 / (_pass.KeyValueHeads * _pass.HeadSize), 16, 1024);
        while (true)
        {
            (_blockParts, _rangeParts) = (0, 0);
            for (var s = 0; s < _pass.Queries.Count; s++)
            {
                var rows = _pass.Queries.Length(s);
                if (rows == 1) _rangeParts += Ranges(s);
                else _blockParts += Blocks(rows) * _pass.Heads;
            }

            if (_blockRows <= panel || _blockParts >= 4 * pool.Workers) return;
            _blockRows = Math.Max(panel, _blockRows / 2);
        }
    }

    private int Blocks(int rows) => (rows + _blockRows - 1) / _blockRows;

    private int Ranges(int sequence) => (_pass.Keys.Length(sequence) + _rangeKeys - 1) / _rangeKeys;

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
        if (index < _blockParts) Block<T>(index, worker);
        else if (index < _blockParts + _rangeParts) Range<T>(index - _blockParts, worker);
        else Values<T>(index - _blockParts - _rangeParts, _scratch[worker]);
    }

    private void Block<T>(int index, int worker)
        where T : struct, ILanes<T>
    {
        for (var s = 0; ; s++)
        {
            var rows = _pass.Queries.Length(s);
            if (rows == 1) continue;
            var blocks = Blocks(rows);
            if (index >= blocks * _pass.Heads)
            {
                index -= blocks * _pass.Heads;
                continue;
            }

            // Evenly, by whole panels; causal blocks cost more the later they are, so these start first.
            var (head, block) = Math.DivRem(index, blocks);
            block = blocks - 1 - block;
            var panel = 2 * T.Count;
            var panels = (rows + panel - 1) / panel;
            var first = (int)((long)panels * block / blocks) * panel;
            var end = Math.Min(rows, (int)((long)panels * (block + 1) / blocks) * panel);
            if (first < end) new AttentionBlock(in _pass, s, head, first, end - first).Run<T>(_scratch[worker]);
            return;
        }
    }

    private void Range<T>(int index, int worker)
        where T : struct, ILanes<T>
    {
        var partial = _partial + (long)index * _pass.PartialLength;
        for (var s = 0; ; s++)
        {
            if (_pass.Queries.Length(s) != 1) continue;
            var ranges = Ranges(s);
            if (index < ranges)
            {
                var (first, end) = ((int)((long)_pass.Keys.Length(s) * index / ranges), (int)((long)_pass.Keys.Length(s) * (index + 1) / ranges));
                AttentionRange.Run<T>(_pass, s, first, end - first, partial, _scratch[worker]);
                return;
            }

            index -= ranges;
        }
    }

    private void Values<T>(int block, CpuScratch scratch)
        where T : struct, ILanes<T>
    {
        var total = (float*)scratch.Rent(_pass.HeadSize * sizeof(float));
        var sequence = 0;
        for (var row = _valueBlocks.Start(block); row < _valueBlocks.End(block); row++)
        {
            while (row >= _pass.Keys.Offsets[sequence + 1]) sequence++;
            _pass.Values.Row<T>(_pass.Value.Row(_pass.Keys.Start(sequence) + _pass.FirstValueRow(sequence)), row, total);
        }
    }

    private void Merge()
    {
        var partial = _partial;
        for (var s = 0; s < _pass.Queries.Count; s++)
        {
            if (_pass.Queries.Length(s) != 1) continue;
            AttentionRange.Merge(_pass, s, partial, Ranges(s));
            partial += (long)Ranges(s) * _pass.PartialLength;
        }
    }

    public void Dispose()
    {
        foreach (var scratch in _scratch) scratch.Dispose();
        _partials.Dispose();
    }
}
