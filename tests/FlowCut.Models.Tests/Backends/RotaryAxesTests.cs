using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

/// <summary>Rotations by positions on two and three axes, in views, and where the caches are the key's and the value's own memory.</summary>
public class RotaryAxesTests
{
    public static TheoryData<int, int, int, int[]> Cases => new()
    {
        { 17, 2, 2, [10, 10] },
        { 9, 3, 1, [4, 6, 6] },
        { 33, 2, 1, [16, 24, 24] },
        { 1, 1, 1, [1, 1] },
        { 0, 1, 1, [2, 3, 3] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_double_precision_in_place(int rows, int heads, int keyHeads, int[] sections)
    {
        var pairs = sections.Sum();
        var (query, key, value) = (TestData.Normal(1, rows * heads * 2 * pairs), TestData.Normal(2, rows * keyHeads * 2 * pairs), TestData.Normal(3, rows * keyHeads * 2 * pairs));
        var frequencies = Frequencies(pairs);
        // rows in front and behind that a slice leaves out
        var all = Positions(sections.Length, rows + 5);
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var results = Workspace.Everywhere(lanes, w =>
            {
                var (q, k, v) = (w.Input(query, rows, heads * 2 * pairs, layout), w.Input(key, rows, keyHeads * 2 * pairs, layout), w.Input(value, rows, keyHeads * 2 * pairs, layout));
                w.Backend.RotaryAppend(q, k, v, At(w.Backend, all, sections).Slice(3, rows), w.Input(frequencies, 1, pairs), 2 * pairs, k, v);
                return [w.Read(q), w.Read(k), w.Read(v)];
            });
            Tolerance.Rotary.Check(Rotate(query, rows, heads, all, 3, sections), results[0], "query");
            Tolerance.Rotary.Check(Rotate(key, rows, keyHeads, all, 3, sections), results[1], "key");
            Assert.Equal(value, results[2]);
        }
    }

    /// <summary>Language: 3 axes in sections. The golden's query and key lie head by head.</summary>
    [Fact]
    public void Agrees_with_the_golden_of_three_axes()
    {
        var goldens = new GoldenTensors("qwen2-vl-tiny/mrope-unit.safetensors");
        const int rows = 30, size = 128;
        var (q, k) = (RowsFirst(goldens.Singles("q"), 2, rows, size), goldens.Singles("k"));
        var results = Workspace.Everywhere(16, w => Run(w, q, k, rows, size, [16, 24, 24], [.. goldens.Integers("position_ids").Select(x => (int)x)], goldens.Singles("inv_freq")));
        new Tolerance(2e-5, 4).Check(Array.ConvertAll(RowsFirst(goldens.Singles("q_rotated"), 2, rows, size), x => (double)x), results[0], "query");
        new Tolerance(2e-5, 4).Check(Array.ConvertAll(goldens.Singles("k_rotated"), x => (double)x), results[1], "key");
    }

    /// <summary>The encoder: row and column of each patch, and attention of two pictures that do not see each other.</summary>
    [Fact]
    public void Agrees_with_the_golden_of_two_axes_and_its_attention()
    {
        var goldens = new GoldenTensors("qwen2-vl-tiny/rope-unit.safetensors");
        const int rows = 56, heads = 2, size = 80;
        var places = goldens.Integers("hw_position");
        int[] positions = [.. Enumerable.Range(0, 2).SelectMany(axis => Enumerable.Range(0, rows).Select(r => (int)places[r * 2 + axis]))];
        // 10000^(−i/20) for the 20 pairs of each axis
        float[] frequencies = [.. Enumerable.Range(0, 40).Select(i => MathF.Pow(10000, -(i % 20) / 20f))];
        var results = Workspace.Everywhere(16, w =>
        {
            var rotated = Run(w, goldens.Singles("q"), goldens.Singles("k"), rows, size, [20, 20], positions, frequencies);
            var output = w.Output(rows, heads * size);
            var sequences = new Sequences([.. goldens.Integers("cu_seqlens").Select(x => (int)x)]);
            w.Backend.Attention(new AttentionArguments
            {
                Query = w.Input(rotated[0], rows, heads * size),
                Key = w.Input(rotated[1], rows, heads * size),
                Value = w.Input(goldens.Singles("v"), rows, heads * size),
                Output = output,
                Heads = heads,
                KeyValueHeads = heads,
                HeadSize = size,
                Scale = 1 / MathF.Sqrt(size),
                Queries = sequences,
                Keys = sequences,
                Causal = false,
            });
            return [.. rotated, w.Read(output)];
        });
        foreach (var (name, actual) in new[] { ("q_rotated", results[0]), ("k_rotated", results[1]), ("context", results[2]) })
            new Tolerance(2e-5, 4).Check(Array.ConvertAll(goldens.Singles(name), x => (double)x), actual, name);
    }

    [Fact]
    public void Axes_are_views_of_their_own()
    {
        using var w = new Workspace(1);
        var three = At(w.Backend, Positions(3, 6), [2, 3, 3]).Slice(2, 4);
        Assert.Equal([(2, 4), (8, 4), (14, 4)], Enumerable.Range(0, 3).Select(three.Axis).Select(v => (v.Start, v.Length)));
        Assert.Throws<ArgumentOutOfRangeException>(() => three.Axis(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => three.Slice(1, 4));
    }

    internal static RotaryPositions At(Backend backend, int[] positions, int[] sections)
    {
        var numbers = backend.AllocateIndices(positions.Length);
        backend.Upload(positions, numbers);
        var view = new IndexView(numbers, 0, positions.Length);
        return sections.Length == 2 ? RotaryPositions.TwoAxes(view, sections.Sum()) : RotaryPositions.ThreeAxes(view, sections[0], sections[1]);
    }

    internal static int[] Positions(int axes, int rows) => [.. Enumerable.Range(0, axes * rows).Select(i => i * 7919 % 2011)];

    internal static float[] Frequencies(int pairs) => [.. Enumerable.Range(0, pairs).Select(i => MathF.Pow(10000, -1f * i / pairs))];

    /// <summary>Pair by pair: each pair as if all turned by its axis.</summary>
    internal static double[] Rotate(float[] x, int rows, int heads, int[] all, int first, int[] sections)
    {
        var (pairs, stride) = (sections.Sum(), all.Length / sections.Length);
        var turned = Enumerable.Range(0, sections.Length)
            .Select(axis => Oracle.Rotate(x, heads * 2 * pairs, all[(axis * stride + first)..(axis * stride + first + rows)], Frequencies(pairs))).ToArray();
        return [.. x.Select((_, i) => turned[Axis(i % pairs)][i])];

        int Axis(int pair) => pair < sections[0] ? 0 : pair < sections[0] + sections[1] ? 1 : 2;
    }

    private static float[][] Run(Workspace w, float[] query, float[] key, int rows, int size, int[] sections, int[] positions, float[] frequencies)
    {
        var (q, k) = (w.Input(query, rows, query.Length / rows), w.Input(key, rows, key.Length / rows));
        w.Backend.RotaryAppend(q, k, k, At(w.Backend, positions, sections), w.Input(frequencies, 1, size / 2), size, k, w.Output(rows, key.Length / rows));
        return [w.Read(q), w.Read(k)];
    }

    /// <summary>[heads, rows, size] to [rows, heads·size].</summary>
    private static float[] RowsFirst(float[] x, int heads, int rows, int size) =>
        [.. Enumerable.Range(0, rows).SelectMany(r => Enumerable.Range(0, heads).SelectMany(h => x[((h * rows + r) * size)..((h * rows + r + 1) * size)]))];
}
