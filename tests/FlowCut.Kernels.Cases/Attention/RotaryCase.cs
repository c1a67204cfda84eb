using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>Rotary embedding by its definition: the angle is a single-precision product, as the models were trained with; the rest is double.</summary>
internal static class RotaryOracle
{
    /// <summary>A head of 2·n columns; angles of its n pairs.</summary>
    public static double[] Rotate(double[] head, float[] angles)
    {
        var half = angles.Length;
        return [.. head.Select((x, i) => i < half
            ? x * Math.Cos(angles[i]) - head[i + half] * Math.Sin(angles[i])
            : x * Math.Cos(angles[i - half]) + head[i - half] * Math.Sin(angles[i - half]))];
    }
}

/// <summary>Rows rotated and appended. Sections are the pairs of each axis: one, two or three numbers.</summary>
internal sealed record RotaryCase(string Name, ElementType Type, int Rows, int Heads, int KeyValueHeads, int[] Sections, Layout Layout = default) : KernelCase
{
    /// <summary>New rows go to cache rows of another order, and every fifth nowhere; otherwise row i to row i.</summary>
    public bool Scattered { get; init; }

    /// <summary>Positions between the end of one axis and the begin of the next.</summary>
    public int AxisGap { get; init; }

    private int Half => Sections.Sum();

    private int HeadSize => 2 * Half;

    public override string ToString() => $"{Name} ({Type})";

    public override Prepared Prepare(Workbench bench)
    {
        var q = Numbers.Stored(Numbers.Normal(1, Rows * Heads * HeadSize), Type);
        var k = Numbers.Stored(Numbers.Normal(2, Rows * KeyValueHeads * HeadSize), Type);
        var v = Numbers.Stored(Numbers.Normal(3, Rows * KeyValueHeads * HeadSize), Type);
        // far from 0 and not in order, as after pruning
        var positions = Enumerable.Range(0, Sections.Length * Rows).Select(i => i == 0 ? 32767 : i * 7919 % 20011).ToArray();
        var frequencies = Enumerable.Range(0, Half).Select(i => MathF.Pow(10000, -1f * i / Half)).ToArray();
        var cacheRows = Scattered ? Enumerable.Range(0, Rows).Select(r => r % 5 == 4 ? -1 : (r * 3 + 1) % (Rows + 4)).ToArray() : [];
        int cacheLength = Rows + 4, columns = KeyValueHeads * HeadSize;
        var query = bench.Matrix(q, Rows, Heads * HeadSize, Type, Layout);
        var append = new CacheAppend(
            bench.Matrix(k, Rows, columns, Type, Layout), bench.Matrix(v, Rows, columns, Type, Layout),
            bench.Matrix(null, cacheLength, columns, Type, Layout), bench.Matrix(null, cacheLength, columns, Type, Layout),
            bench.Array(cacheRows));
        var strided = Enumerable.Range(0, Sections.Length).SelectMany(axis => positions[(axis * Rows)..((axis + 1) * Rows)].Concat(Enumerable.Repeat(-99, AxisGap))).ToArray();
        var at = At(bench.Array(strided), bench.Array(frequencies));
        if (AxisGap > 0) at = at with { AxisStride = Rows + AxisGap };
        return new Prepared(
            () => RotaryAppend.Launch(bench.Kernels, query, append, at, bench.Stream),
            what =>
            {
                Tolerance.Rotary.Check(Rotated(q, Heads, positions, frequencies), bench.Read(query), Type, what + ", query");
                var places = Scattered ? cacheRows : [.. Enumerable.Range(0, Rows)];
                Tolerance.Rotary.Check(Cache(Rotated(k, KeyValueHeads, positions, frequencies), places, columns), bench.Read(append.KeyCache), Type, what + ", keys");
                Tolerance.Exact.Check(Cache(Array.ConvertAll(v, x => (double)x), places, columns), bench.Read(append.ValueCache), Type, what + ", values");
            },
            2 * (query.Bytes + append.Key.Bytes + append.Value.Bytes));
    }

    private RotaryPositions At(DeviceArray<int> positions, DeviceArray<float> frequencies) => Sections.Length switch
    {
        1 => RotaryPositions.OneAxis(positions, frequencies),
        2 => RotaryPositions.TwoAxes(positions, frequencies),
        _ => RotaryPositions.ThreeAxes(positions, frequencies, Sections[0], Sections[1]),
    };

    private double[] Rotated(float[] x, int heads, int[] positions, float[] frequencies)
    {
        var result = new List<double>();
        for (var r = 0; r < Rows; r++)
        {
            var angles = frequencies.Select((f, i) => positions[Axis(i) * Rows + r] * f).ToArray();
            for (var h = 0; h < heads; h++)
                result.AddRange(RotaryOracle.Rotate(Array.ConvertAll(x[((r * heads + h) * HeadSize)..((r * heads + h + 1) * HeadSize)], e => (double)e), angles));
        }

        return [.. result];
    }

    private int Axis(int pair) => pair < Sections[0] ? 0 : pair < Sections[0] + Sections[1] ? 1 : 2;

    /// <summary>Rows at their places; the others keep their sentinels.</summary>
    private double[] Cache(double[] rows, int[] places, int columns)
    {
        var sentinel = Type == ElementType.Float32 ? BitConverter.UInt32BitsToSingle(0xa5a5a5a5) : Numbers.FromBits16(0xa5a5, Type);
        var cache = Enumerable.Repeat((double)sentinel, (Rows + 4) * columns).ToArray();
        for (var r = 0; r < places.Length; r++)
        {
            if (places[r] >= 0) rows.AsSpan(r * columns, columns).CopyTo(cache.AsSpan(places[r] * columns));
        }

        return cache;
    }
}

/// <summary>Rotary embedding and cache append.</summary>
internal static class RotaryAppendTable
{
    public static IEnumerable<RotaryCase> Cases =>
        from type in Enum.GetValues<ElementType>()
        from c in new[]
        {
            new RotaryCase("no rows", type, 0, 2, 2, [32]),
            new RotaryCase("text", type, 17, 4, 2, [64]),
            new RotaryCase("one row", type, 1, 32, 8, [64]) { Scattered = true },
            new RotaryCase("a picture's rows and columns", type, 63, 2, 2, [20, 20]),
            new RotaryCase("time, rows and columns", type, 16, 6, 1, [16, 24, 24]) { Scattered = true },
            new RotaryCase("two axes apart", type, 33, 2, 2, [20, 20]) { AxisGap = 7 },
            new RotaryCase("three axes apart", type, 16, 6, 1, [16, 24, 24]) { AxisGap = 100 },
            new RotaryCase("strided", type, 15, 3, 1, [32], Layout.Strided) { Scattered = true },
            new RotaryCase("misaligned", type, 9, 2, 1, [32], Layout.Misaligned),
            new RotaryCase("a pair", type, 5, 1, 1, [1]),
            new RotaryCase("odd pairs", type, 65, 3, 1, [9], Layout.Misaligned),
            new RotaryCase("many rows", type, 577, 1, 1, [32]),
        }
        select c;
}
