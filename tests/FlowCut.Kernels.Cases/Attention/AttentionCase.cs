using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>What is special about the numbers of a case.</summary>
internal enum AttentionNumbers
{
    Normal,

    /// <summary>All keys are the same: every probability is a tie.</summary>
    EqualKeys,

    /// <summary>Long queries: most probabilities are below the smallest float.</summary>
    Underflow,

    /// <summary>A NaN in query row 1, an infinity in query row 2.</summary>
    BadQueries,

    /// <summary>A NaN in value row 1.</summary>
    BadValue,
}

/// <summary>One attention pass; queries and keys are given by their sequences' offsets.</summary>
internal sealed record AttentionCase(string Name, ElementType Type, int[] QueryOffsets, int[] KeyOffsets, int Heads, int KeyValueHeads, int HeadSize, bool Causal = false) : KernelCase
{
    /// <summary>[sequences][slots].</summary>
    public int[][] Exports { get; init; } = [];

    public Layout Layout { get; init; }

    public AttentionNumbers Numbers { get; init; }

    /// <summary>By how much the bound of the rows exceeds them: blocks that have nothing to do.</summary>
    public int Slack { get; init; }

    /// <summary>Query, key and value are slices of one matrix.</summary>
    public bool Packed { get; init; }

    private int Slots => Exports.Length == 0 ? 0 : Exports[0].Length;

    private int QueryRows => QueryOffsets[^1];

    private int KeyRows => KeyOffsets[^1];

    private AttentionShape Shape => new(Heads, KeyValueHeads, HeadSize);

    public override string ToString() => $"{Name} ({Type})";

    public override Prepared Prepare(Workbench bench)
    {
        var (q, k, v) = Inputs();
        var (query, key, value) = Packed ? Slices(bench, q, k, v) : (
            bench.Matrix(q, QueryRows, Heads * HeadSize, Type, Layout),
            bench.Matrix(k, KeyRows, KeyValueHeads * HeadSize, Type, Layout),
            bench.Matrix(v, KeyRows, KeyValueHeads * HeadSize, Type, Layout));
        var output = bench.Matrix(null, QueryRows, Heads * HeadSize, Type, Layout);
        var logProbabilities = bench.Matrix(null, Slots * Heads, KeyRows, ElementType.Float32, new Layout(3, 1));
        var inputs = new AttentionInputs(query, key, value, Sequences(bench, QueryOffsets), Sequences(bench, KeyOffsets), Causal);
        ExportedRows? export = Slots == 0 ? null : new ExportedRows(bench.Array(Exports.SelectMany(e => e).ToArray()), Slots, logProbabilities);
        return new Prepared(
            () => Attention.Launch(bench.Kernels, inputs, output, Shape, export, bench.Stream),
            what =>
            {
                var (expected, expectedLogs) = Expected(q, k, v);
                var tolerance = Tolerance.Attention(Type);
                // scores beyond 100: their rounding alone moves a probability by a hundred-thousandth
                if (Numbers == AttentionNumbers.Underflow) tolerance = tolerance with { Absolute = tolerance.Absolute + 1e-4 };
                tolerance.Check(expected, bench.Read(output), Type, what);
                if (Slots > 0) Tolerance.LogProbability.Check(expectedLogs, bench.Read(logProbabilities), ElementType.Float32, what + ", log-probabilities");
            },
            query.Bytes + key.Bytes + value.Bytes + output.Bytes,
            // two products; half of a causal one is masked
            Enumerable.Range(1, QueryOffsets.Length - 1).Sum(i => (Causal ? 2.0 : 4.0) * (QueryOffsets[i] - QueryOffsets[i - 1]) * (KeyOffsets[i] - KeyOffsets[i - 1]) * Heads * HeadSize));
    }

    private (float[] Query, float[] Key, float[] Value) Inputs()
    {
        var q = Cases.Numbers.Stored(Cases.Numbers.Uniform(1, QueryRows * Heads * HeadSize, Math.Sqrt(3) * (Numbers == AttentionNumbers.Underflow ? 30 : 1)), Type);
        var k = Cases.Numbers.Stored(Cases.Numbers.Uniform(2, KeyRows * KeyValueHeads * HeadSize, Math.Sqrt(3)), Type);
        var v = Cases.Numbers.Stored(Cases.Numbers.Uniform(3, KeyRows * KeyValueHeads * HeadSize, Math.Sqrt(3)), Type);
        var columns = Heads * HeadSize;
        switch (Numbers)
        {
            case AttentionNumbers.EqualKeys:
                for (var i = 0; i < k.Length; i++) k[i] = k[i % (KeyValueHeads * HeadSize)];
                break;
            case AttentionNumbers.BadQueries:
                (q[columns], q[2 * columns + HeadSize - 1]) = (float.NaN, float.PositiveInfinity);
                break;
            case AttentionNumbers.BadValue:
                v[KeyValueHeads * HeadSize] = float.NaN;
                break;
        }

        return (q, k, v);
    }

    private (DeviceMatrix, DeviceMatrix, DeviceMatrix) Slices(Workbench bench, float[] q, float[] k, float[] v)
    {
        int queryColumns = Heads * HeadSize, keyColumns = KeyValueHeads * HeadSize;
        var rows = Enumerable.Range(0, QueryRows).SelectMany(r => q[(r * queryColumns)..((r + 1) * queryColumns)].Concat(k[(r * keyColumns)..((r + 1) * keyColumns)]).Concat(v[(r * keyColumns)..((r + 1) * keyColumns)]));
        var all = bench.Matrix([.. rows], QueryRows, queryColumns + 2 * keyColumns, Type, Layout);
        return (all.SliceColumns(0, queryColumns), all.SliceColumns(queryColumns, keyColumns), all.SliceColumns(queryColumns + keyColumns, keyColumns));
    }

    private DeviceSequences Sequences(Workbench bench, int[] offsets) =>
        new(bench.Array(offsets), offsets.Zip(offsets.Skip(1), (a, b) => b - a).Append(0).Max() + Slack);

    private (double[] Output, double[] LogProbabilities) Expected(float[] q, float[] k, float[] v)
    {
        var output = new double[QueryRows * Heads * HeadSize];
        var logs = new double[Slots * Heads * KeyRows];
        // where nothing is written the sentinels stay
        Array.Fill(logs, BitConverter.UInt32BitsToSingle(0xa5a5a5a5));
        for (var s = 0; s + 1 < QueryOffsets.Length; s++)
        {
            int n = QueryOffsets[s + 1] - QueryOffsets[s], m = KeyOffsets[s + 1] - KeyOffsets[s];
            for (var h = 0; h < Heads; h++)
            {
                var keyHead = h * KeyValueHeads / Heads;
                var keys = Rows(k, KeyOffsets[s], m, KeyValueHeads, keyHead);
                var values = Rows(v, KeyOffsets[s], m, KeyValueHeads, keyHead);
                var queries = Rows(q, QueryOffsets[s], n, Heads, h);
                for (var i = 0; i < n; i++)
                {
                    var visible = Causal ? Math.Clamp(m - n + i + 1, 0, m) : m;
                    var p = AttentionOracle.LogProbabilities(queries[i], keys[..visible], Shape.Scale);
                    AttentionOracle.Output(p, values[..visible], HeadSize).CopyTo(output, (QueryOffsets[s] + i) * Heads * HeadSize + h * HeadSize);
                    for (var slot = 0; slot < Slots; slot++)
                    {
                        if (Exports[s][slot] != i && Exports[s][slot] + n != i) continue;
                        var at = (slot * Heads + h) * KeyRows + KeyOffsets[s];
                        p.CopyTo(logs, at);
                        Array.Fill(logs, double.NegativeInfinity, at + visible, m - visible);
                    }
                }
            }
        }

        return (output, logs);
    }

    private double[][] Rows(float[] x, int first, int count, int heads, int head) =>
        [.. Enumerable.Range(first, count).Select(row => Array.ConvertAll(x[((row * heads + head) * HeadSize)..((row * heads + head + 1) * HeadSize)], e => (double)e))];
}
