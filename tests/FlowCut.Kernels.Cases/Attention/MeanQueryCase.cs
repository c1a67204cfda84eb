using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>The mean query of each sequence, and its attention to the sequence's keys.</summary>
internal sealed record MeanQueryCase(string Name, ElementType Type, int[] Offsets, int Heads, int KeyValueHeads, int HeadSize, Layout Layout = default) : KernelCase
{
    /// <summary>The column of a NaN in the last key row, or −1.</summary>
    public int BadColumn { get; init; } = -1;

    public override string ToString() => $"{Name} ({Type})";

    public override Prepared Prepare(Workbench bench)
    {
        int rows = Offsets[^1], sequences = Offsets.Length - 1;
        var shape = new AttentionShape(Heads, KeyValueHeads, HeadSize);
        var q = Numbers.Stored(Numbers.Normal(1, rows * Heads * HeadSize), Type);
        var k = Numbers.Stored(Numbers.Normal(2, rows * KeyValueHeads * HeadSize), Type);
        if (BadColumn >= 0) k[(rows - 1) * KeyValueHeads * HeadSize + BadColumn] = float.NaN;
        var query = bench.Matrix(q, rows, Heads * HeadSize, Type, Layout);
        var key = bench.Matrix(k, rows, KeyValueHeads * HeadSize, Type, Layout);
        var offsets = new DeviceSequences(bench.Array(Offsets), rows);
        var mean = bench.Matrix(null, sequences, Heads * HeadSize, ElementType.Float32, Layout);
        var logProbabilities = bench.Matrix(null, Heads, rows, ElementType.Float32, Layout);
        return new Prepared(
            () =>
            {
                SequenceMean.Launch(bench.Kernels, query, offsets, mean, bench.Stream);
                AttentionRow.Launch(bench.Kernels, mean, key, offsets, logProbabilities, shape, bench.Stream);
            },
            what =>
            {
                var means = bench.Read(mean);
                Tolerance.Mean.Check(Means(q), means, ElementType.Float32, what + ", mean");
                Tolerance.LogProbability.Check(LogProbabilities(means, k, shape.Scale), bench.Read(logProbabilities), ElementType.Float32, what);
            },
            query.Bytes + key.Bytes);
    }

    private double[] Means(float[] q) =>
        [.. Offsets.Zip(Offsets.Skip(1), (first, end) => AttentionOracle.Mean([.. Enumerable.Range(first, end - first).Select(r => Slice(q, r * Heads * HeadSize, Heads * HeadSize))], Heads * HeadSize)).SelectMany(m => m)];

    /// <summary>Of the means that the first kernel left, so that each is compared by itself.</summary>
    private double[] LogProbabilities(float[] means, float[] k, double scale)
    {
        var logs = new double[Heads * Offsets[^1]];
        for (var s = 0; s + 1 < Offsets.Length; s++)
        {
            for (var h = 0; h < Heads; h++)
            {
                var keys = Enumerable.Range(Offsets[s], Offsets[s + 1] - Offsets[s]).Select(row => Slice(k, (row * KeyValueHeads + h * KeyValueHeads / Heads) * HeadSize, HeadSize)).ToArray();
                AttentionOracle.LogProbabilities(Slice(means, (s * Heads + h) * HeadSize, HeadSize), keys, scale).CopyTo(logs, h * Offsets[^1] + Offsets[s]);
            }
        }

        return logs;
    }

    private static double[] Slice(float[] x, int start, int count) => Array.ConvertAll(x[start..(start + count)], e => (double)e);
}

/// <summary>The mean query and its attention.</summary>
internal static class MeanQueryTable
{
    public static IEnumerable<MeanQueryCase> Cases =>
        from type in Enum.GetValues<ElementType>()
        from c in new[]
        {
            new MeanQueryCase("no rows", type, [0, 0], 2, 2, 64),
            new MeanQueryCase("no sequences", type, [0], 2, 2, 64),
            new MeanQueryCase("one key", type, [0, 1], 2, 2, 64),
            new MeanQueryCase("a picture", type, [0, 577], 2, 2, 64),
            new MeanQueryCase("a long picture", type, [0, 2881], 1, 1, 80),
            new MeanQueryCase("several pictures, one empty", type, [0, 15, 31, 31, 94, 158, 223], 4, 2, 80, Layout.Strided),
            new MeanQueryCase("misaligned", type, [0, 17, 82], 2, 1, 72, Layout.Misaligned),
            new MeanQueryCase("a head of one column", type, [0, 65], 3, 1, 1),
            new MeanQueryCase("odd head size", type, [0, 65], 3, 3, 20, Layout.Misaligned),
            new MeanQueryCase("large head", type, [0, 63], 2, 2, 128, Layout.Strided),
            new MeanQueryCase("a NaN among the keys of one head", type, [0, 16, 33], 2, 2, 64) { BadColumn = 3 },
        }
        select c;
}
