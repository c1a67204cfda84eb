using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>One decoding step: sequence s has Lengths[s] keys from cache row FirstRows[s] on.</summary>
internal sealed record DecodeCase(string Name, ElementType Type, int[] FirstRows, int[] Lengths, int Heads, int KeyValueHeads, int HeadSize, Layout Layout = default) : KernelCase
{
    /// <summary>What the cache was made for: the number of parts follows from it.</summary>
    public int Capacity { get; init; }

    /// <summary>1 for well-behaved numbers; a large one makes most probabilities underflow.</summary>
    public double Deviation { get; init; } = 1;

    /// <summary>The key head whose second key has a NaN, or −1.</summary>
    public int BadHead { get; init; } = -1;

    public override string ToString() => $"{Name} ({Type})";

    public override Prepared Prepare(Workbench bench)
    {
        var shape = new AttentionShape(Heads, KeyValueHeads, HeadSize);
        int sequences = Lengths.Length, rows = FirstRows.Zip(Lengths, (a, b) => a + b).Append(0).Max(), most = Math.Max(Capacity, Lengths.Append(0).Max());
        var q = Numbers.Stored(Numbers.Uniform(1, sequences * Heads * HeadSize, Math.Sqrt(3) * Deviation), Type);
        var k = Numbers.Stored(Numbers.Uniform(2, rows * KeyValueHeads * HeadSize, Math.Sqrt(3)), Type);
        var v = Numbers.Stored(Numbers.Uniform(3, rows * KeyValueHeads * HeadSize, Math.Sqrt(3)), Type);
        if (BadHead >= 0) k[(FirstRows[0] + 1) * KeyValueHeads * HeadSize + BadHead * HeadSize] = float.NaN;
        var inputs = new DecodeInputs(
            bench.Matrix(q, sequences, Heads * HeadSize, Type, Layout),
            bench.Matrix(k, rows, KeyValueHeads * HeadSize, Type, Layout),
            bench.Matrix(v, rows, KeyValueHeads * HeadSize, Type, Layout),
            bench.Array(FirstRows), bench.Array(Lengths), most);
        var output = bench.Matrix(null, sequences, Heads * HeadSize, Type, Layout);
        var arrivals = bench.Array(new int[sequences * Heads]);
        var partial = bench.Output<float>(DecodeAttention.PartialLength(bench.Device.Context.Device.Info, Type, shape, sequences, most));
        return new Prepared(
            () => DecodeAttention.Launch(bench.Kernels, inputs, output, shape, new DecodeWorkspace(partial, arrivals), bench.Stream),
            what =>
            {
                Tolerance.DecodeAttention.Check(Expected(q, k, v, shape.Scale), bench.Read(output), Type, what);
                Verify.True(bench.Read(arrivals).All(count => count == 0), $"{what}: a counter of arrivals is not back at 0");
            },
            inputs.KeyCache.Bytes + inputs.ValueCache.Bytes);
    }

    private double[] Expected(float[] q, float[] k, float[] v, double scale)
    {
        var output = new List<double>();
        for (var s = 0; s < Lengths.Length; s++)
        {
            for (var h = 0; h < Heads; h++)
            {
                double[][] Rows(float[] x) => [.. Enumerable.Range(FirstRows[s], Lengths[s]).Select(row => Slice(x, (row * KeyValueHeads + h * KeyValueHeads / Heads) * HeadSize))];
                output.AddRange(AttentionOracle.Output(AttentionOracle.LogProbabilities(Slice(q, (s * Heads + h) * HeadSize), Rows(k), scale), Rows(v), HeadSize));
            }
        }

        return [.. output];
    }

    private double[] Slice(float[] x, int start) => Array.ConvertAll(x[start..(start + HeadSize)], e => (double)e);
}

/// <summary>Decode attention: lengths, layouts, and how many query heads share a key head.</summary>
internal static class DecodeAttentionTable
{
    public static IEnumerable<DecodeCase> Cases =>
        from type in Enum.GetValues<ElementType>()
        from c in new[]
        {
            new DecodeCase("no sequences", type, [], [], 2, 2, 64),
            new DecodeCase("no keys", type, [0], [0], 2, 2, 64),
            new DecodeCase("no keys yet, large cache", type, [0], [0], 2, 2, 64) { Capacity = 4096 },
            new DecodeCase("lengths around the steps", type, [0, 1, 16, 31, 48, 111, 175], [1, 15, 16, 17, 63, 64, 65], 2, 2, 64) { Capacity = 300 },
            new DecodeCase("a picture and a prompt", type, [3], [577], 4, 4, 128),
            new DecodeCase("a long one", type, [0], [2881], 2, 1, 128),
            new DecodeCase("misaligned", type, [0, 5], [5, 77], 4, 2, 96, Layout.Misaligned),
            new DecodeCase("strided", type, [0, 5], [5, 77], 4, 2, 80, Layout.Strided),
            new DecodeCase("odd head size", type, [2], [33], 3, 3, 20, Layout.Misaligned),
            new DecodeCase("a head of one column", type, [0], [130], 3, 1, 1),
            new DecodeCase("probabilities that underflow", type, [0], [200], 2, 2, 64) { Deviation = 30 },
            new DecodeCase("a NaN among the keys of one head", type, [7], [90], 4, 2, 64) { BadHead = 1 },
        }
        select c;

    public static IEnumerable<DecodeCase> Groups =>
        from shared in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 11, 16 }
        select new DecodeCase($"{shared} query heads for each key head", shared % 2 == 0 ? ElementType.Float16 : ElementType.BFloat16, [0, 100], [100, 37], 2 * shared, 2, 128) { Capacity = 500 };
}
