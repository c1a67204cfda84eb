namespace FlowCut.Models.Backends.Cpu;

/// <summary>The arguments of one attention pass, checked, as addresses.</summary>
internal readonly unsafe struct AttentionPass
{
    public AttentionPass(in AttentionArguments a)
    {
        if (a.HeadSize < 1 || a.KeyValueHeads < 1 || a.Heads < a.KeyValueHeads || a.Heads % a.KeyValueHeads != 0)
            throw new ArgumentException($"{a.Heads} heads of size {a.HeadSize} cannot share {a.KeyValueHeads} key/value heads.", nameof(a));
        if (a.Queries.Count != a.Keys.Count)
            throw new ArgumentException($"There are {a.Queries.Count} sequences of queries and {a.Keys.Count} of keys.", nameof(a));
        (Heads, KeyValueHeads, HeadSize, Scale) = (a.Heads, a.KeyValueHeads, a.HeadSize, a.Scale);
        (Queries, Keys, Causal) = (a.Queries, a.Keys, a.Causal);
        Query = CpuView.Of(a.Query, Queries.Rows, Heads * HeadSize, nameof(a.Query));
        Key = CpuView.Of(a.Key, Keys.Rows, KeyValueHeads * HeadSize, nameof(a.Key));
        Value = CpuView.Of(a.Value, Keys.Rows, KeyValueHeads * HeadSize, nameof(a.Value));
        Output = CpuView.Of(a.Output, Queries.Rows, Heads * HeadSize, nameof(a.Output));
        if (a.Export is not { } export) return;
        Exports = true;
        LogProbabilities = CpuView.Of(export.LogProbabilities, Heads, Keys.Rows, nameof(export.LogProbabilities));
        Values = new ValueExport(export, Value, KeyValueHeads, HeadSize);
        for (var s = 0; s < Keys.Count; s++)
        {
            if (Keys.Length(s) > 0 && (Queries.Length(s) == 0 || FirstValueRow(s) < 0))
                throw new ArgumentException($"The first query is to be exported, sequence {s} has {Queries.Length(s)} queries and {Keys.Length(s)} keys.", nameof(a));
        }
    }

    public CpuView Query { get; }

    public CpuView Key { get; }

    public CpuView Value { get; }

    public CpuView Output { get; }

    public CpuView LogProbabilities { get; }

    public ValueExport Values { get; }

    public Sequences Queries { get; }

    public Sequences Keys { get; }

    public int Heads { get; }

    public int KeyValueHeads { get; }

    public int HeadSize { get; }

    public float Scale { get; }

    public bool Causal { get; }

    /// <summary>Whether what the first query of each sequence sees is written down.</summary>
    public bool Exports { get; }

    /// <summary>The first query's token among its sequence's keys: the last query is the last key.</summary>
    public int FirstValueRow(int sequence) => Keys.Length(sequence) - Queries.Length(sequence);

    /// <summary>First column of a query head's key/value head.</summary>
    public int KeyColumn(int head) => head / (Heads / KeyValueHeads) * HeadSize;

    /// <summary>Keys that a query row sees: always the first ones.</summary>
    public int Visible(int sequence, int row) => Causal
        ? Math.Clamp(Keys.Length(sequence) - Queries.Length(sequence) + row + 1, 0, Keys.Length(sequence))
        : Keys.Length(sequence);

    /// <summary>Numbers that one range of keys leaves for the merge: maximum, sum and weighted values of each head.</summary>
    public int PartialLength => Heads * (HeadSize + 2);
}
