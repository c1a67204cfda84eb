using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Backends;

public class RotaryTests
{
    [Theory]
    [InlineData(0, 2, 1, 8)]
    [InlineData(1, 1, 1, 2)]
    [InlineData(5, 3, 1, 20)]
    [InlineData(17, 4, 2, 64)]
    [InlineData(9, 2, 2, 128)]
    public void Agrees_with_double_precision(int rows, int heads, int keyHeads, int size)
    {
        var query = TestData.Normal(1, rows * heads * size);
        var key = TestData.Normal(2, rows * keyHeads * size);
        var value = TestData.Normal(3, rows * keyHeads * size);
        // Far and not in order, as after pruning.
        var positions = Enumerable.Range(0, rows).Select(i => i * 7919 % 20011 + (i == 0 ? 20000 : 0)).ToArray();
        var frequencies = Frequencies(size);
        foreach (var (layout, lanes) in new[] { (Layout.Dense, 16), (Layout.Strided, 16), (Layout.Strided, 8), (Layout.Dense, 4) })
        {
            var results = Workspace.Everywhere(lanes, w =>
            {
                var q = w.Input(query, rows, heads * size, layout);
                var k = w.Input(key, rows, keyHeads * size, layout);
                var keyCache = w.Output(rows, keyHeads * size, layout);
                var valueCache = w.Output(rows, keyHeads * size);
                w.Backend.RotaryAppend(q, k, w.Input(value, rows, keyHeads * size, layout), At(w, positions), w.Input(frequencies, 1, frequencies.Length), size, keyCache, valueCache);
                return [w.Read(q), w.Read(keyCache), w.Read(valueCache), w.Read(k)];
            });
            Tolerance.Rotary.Check(Oracle.Rotate(query, heads * size, positions, frequencies), results[0], "query");
            Tolerance.Rotary.Check(Oracle.Rotate(key, keyHeads * size, positions, frequencies), results[1], "key cache");
            Assert.Equal(value, results[2]);
            Assert.Equal(key, results[3]);
        }
    }

    [Fact]
    public void A_quarter_turn_by_hand()
    {
        using var w = new Workspace(1);
        var (q, kv, cache) = (w.Input([1, 2, 3, 4], 1, 4), w.Input([0, 0, 0, 0], 1, 4), w.Output(1, 4));
        w.Backend.RotaryAppend(q, kv, kv, At(w, [1]), w.Input([MathF.PI / 2, 0], 1, 2), 4, cache, kv);
        Assert.Equal([-3, 2, 1, 4], w.Read(q).Select(x => MathF.Round(x, 5)));
    }

    [Fact]
    public void Positions_and_frequencies_of_the_last_call_do_not_leak_into_the_next()
    {
        using var w = new Workspace(2);
        var values = TestData.Normal(1, 3 * 8);
        foreach (var (positions, size) in new (int[], int)[] { ([0, 1, 2], 8), ([0, 1, 3], 8), ([0, 1, 3], 4), ([5, 6], 4), ([0, 1, 3], 8) })
        {
            var rows = positions.Length;
            var (q, cache) = (w.Input(values[..(rows * 8)], rows, 8), w.Output(rows, 8));
            w.Backend.RotaryAppend(q, q, q, At(w, positions), w.Input(Frequencies(size), 1, size / 2), size, cache, cache);
            Tolerance.Rotary.Check(Oracle.Rotate(values[..(rows * 8)], 8, positions, Frequencies(size)), w.Read(q), "query");
        }
    }

    [Fact]
    public void Shapes_are_checked_and_nothing_is_allocated()
    {
        using var w = new Workspace(2);
        var (q, k, cache) = (w.Input(TestData.Normal(1, 20 * 256), 20, 256), w.Input(TestData.Normal(2, 20 * 64), 20, 64), w.Output(20, 64));
        var positions = At(w, [.. Enumerable.Range(0, 20)]);
        var frequencies = w.Input(Frequencies(64), 1, 32);
        w.CheckNoAllocation(b => b.RotaryAppend(q, k, k, positions, frequencies, 64, cache, cache));
        Assert.Throws<ArgumentException>(() => w.Backend.RotaryAppend(q, k, k, positions.Slice(1, 19), frequencies, 64, cache, cache));
        Assert.Throws<ArgumentException>(() => w.Backend.RotaryAppend(q, k, k, positions, frequencies, 32, cache, cache));
        Assert.Throws<ArgumentException>(() => w.Backend.RotaryAppend(q, k, k, positions, frequencies.SliceColumns(1, 31), 63, cache, cache));
        Assert.Throws<ArgumentException>(() => w.Backend.RotaryAppend(q, k, q, positions, frequencies, 64, cache, cache));
    }

    private static RotaryPositions At(Workspace w, int[] positions)
    {
        var numbers = w.Backend.AllocateIndices(positions.Length);
        w.Backend.Upload(positions, numbers);
        return RotaryPositions.OneAxis(new IndexView(numbers, 0, positions.Length));
    }

    private static float[] Frequencies(int size) => [.. Enumerable.Range(0, size / 2).Select(i => MathF.Pow(10000, -2f * i / size))];
}
