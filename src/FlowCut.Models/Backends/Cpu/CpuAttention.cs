namespace FlowCut.Models.Backends.Cpu;

/// <summary>Attention by rows: one (sequence, head, query) at a time.</summary>
internal sealed unsafe class CpuAttention(CpuThreadPool pool) : IParallelJob, IDisposable
{
    private readonly CpuScratch[] _scratch = CpuScratch.ForWorkers(pool);
    private AttentionArguments _arguments;
    private CpuView _query, _key, _value, _output;
    private CpuView _logProbabilities, _valueProducts, _density, _squaredNorms;

    public void Run(in AttentionArguments arguments)
    {
        _arguments = arguments;
        (_query, _key, _value, _output) = (CpuView.Of(arguments.Query, "Query"), CpuView.Of(arguments.Key, "Key"), CpuView.Of(arguments.Value, "Value"), CpuView.Of(arguments.Output, "Output"));
        if (arguments.Export is { } export)
        {
            _logProbabilities = CpuView.Of(export.LogProbabilities, "LogProbabilities");
            _valueProducts = CpuView.Of(export.ValueProducts, "ValueProducts");
            _density = CpuView.Of(export.ValueDensity, "ValueDensity");
            _squaredNorms = CpuView.Of(export.ValueSquaredNorms, "ValueSquaredNorms");
        }

        pool.Run(this, arguments.Queries.Count * arguments.Heads);
        if (arguments.Export is not null)
        {
            for (var i = 0; i < arguments.Queries.Count; i++) ValueStatistics(i);
        }
    }

    void IParallelJob.Run(int index, int worker)
    {
        var a = _arguments;
        var (sequence, head) = Math.DivRem(index, a.Heads);
        int n = a.Queries.Length(sequence), m = a.Keys.Length(sequence), size = a.HeadSize;
        int q0 = a.Queries.Start(sequence), k0 = a.Keys.Start(sequence);
        var keyHead = head * a.KeyValueHeads / a.Heads;
        var scores = (float*)_scratch[worker].Rent(Math.Max(1, m) * sizeof(float));
        for (var i = 0; i < n; i++)
        {
            var seen = a.Causal ? Math.Clamp(m - n + i + 1, 0, m) : m;
            var q = _query.Row(q0 + i) + head * size;
            var o = _output.Row(q0 + i) + head * size;
            var max = float.NegativeInfinity;
            for (var j = 0; j < seen; j++)
            {
                var k = _key.Row(k0 + j) + keyHead * size;
                var dot = 0f;
                for (var d = 0; d < size; d++) dot += q[d] * k[d];
                scores[j] = dot * a.Scale;
                max = MathF.Max(max, scores[j]);
            }

            var sum = 0f;
            for (var j = 0; j < seen; j++) sum += MathF.Exp(scores[j] - max);
            if (a.Export is { } export && export.Row == i)
            {
                for (var j = 0; j < m; j++)
                    _logProbabilities.Row(head)[k0 + j] = j < seen ? scores[j] - max - MathF.Log(sum) : float.NegativeInfinity;
            }

            new Span<float>(o, size).Clear();
            for (var j = 0; j < seen; j++)
            {
                var p = MathF.Exp(scores[j] - max) / sum;
                var v = _value.Row(k0 + j) + keyHead * size;
                for (var d = 0; d < size; d++) o[d] += p * v[d];
            }
        }
    }

    private void ValueStatistics(int sequence)
    {
        var a = _arguments;
        var first = a.Keys.Start(sequence);
        var row = _value.Row(first + Math.Max(0, Math.Min(a.Keys.Length(sequence) - 1, a.Export!.Row)));
        for (var j = first; j < first + a.Keys.Length(sequence); j++)
        {
            var v = _value.Row(j);
            float squares = 0, density = 0;
            for (var head = 0; head < a.KeyValueHeads; head++)
            {
                var product = 0f;
                for (var d = 0; d < a.HeadSize; d++)
                {
                    product += row[head * a.HeadSize + d] * v[head * a.HeadSize + d];
                    squares += v[head * a.HeadSize + d] * v[head * a.HeadSize + d];
                }

                _valueProducts.Row(head)[j] = product;
            }

            for (var d = 0; d < a.HeadSize; d++)
            {
                var total = 0f;
                for (var head = 0; head < a.KeyValueHeads; head++) total += v[head * a.HeadSize + d];
                density += MathF.Abs(total / a.KeyValueHeads);
            }

            _density.Data[j] = density;
            _squaredNorms.Data[j] = squares;
        }
    }

    public void Dispose()
    {
        foreach (var scratch in _scratch) scratch.Dispose();
    }
}
