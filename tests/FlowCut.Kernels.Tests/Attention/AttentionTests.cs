using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class AttentionTests
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
    private const int None = ExportedRows.None;

    internal static IEnumerable<AttentionCase> Cases => Shapes.Concat(Rows).Concat(Heads).Concat(Exports).Concat(Special);

    private static IEnumerable<AttentionCase> Shapes =>
        from type in new[] { Half, Single }
        from c in new[]
        {
            new AttentionCase("no rows", type, [0, 0], [0, 0], 2, 2, 64),
            new AttentionCase("no sequences", type, [0], [0], 2, 2, 64),
            new AttentionCase("no keys", type, [0, 3], [0, 0], 2, 2, 64) { Exports = [[1]] },
            new AttentionCase("an empty sequence between two", type, [0, 3, 3, 20], [0, 3, 3, 20], 2, 2, 64) { Slack = 200 },
            new AttentionCase("an encoder's picture", type, [0, 577], [0, 577], 1, 1, 64) { Exports = [[0]], Packed = true },
            new AttentionCase("sequences of different length", type, [0, 1, 66, 195, 211], [0, 1, 66, 195, 211], 3, 3, 64) { Exports = [[0], [0], [64], [-1]], Packed = true },
            new AttentionCase("prefill", type, [0, 70], [0, 70], 2, 2, 128, Causal: true) { Exports = [[-1]] },
            new AttentionCase("prefill behind cached keys", type, [0, 33], [0, 210], 4, 2, 64, Causal: true) { Exports = [[32, 0]] },
            new AttentionCase("batch behind caches of different length", type, [0, 17, 20, 85], [0, 90, 93, 301], 4, 1, 64, Causal: true),
            new AttentionCase("long cache", type, [0, 17], [0, 2881], 2, 1, 64, Causal: true) { Exports = [[-1]] },
            new AttentionCase("more queries than keys", type, [0, 40], [0, 9], 2, 2, 64, Causal: true) { Exports = [[35, 3]] },
            new AttentionCase("one row", type, [0, 1], [0, 37], 3, 3, 64),
        }
        select c;

    private static IEnumerable<AttentionCase> Rows =>
        from n in new[] { 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129 }
        from causal in new[] { false, true }
        select new AttentionCase($"{n} rows{(causal ? ", causal" : "")}", n % 2 == 0 ? BFloat : Half, [0, n], [0, n], 1, 1, 64, causal) { Exports = [[n / 2]] };

    private static IEnumerable<AttentionCase> Heads =>
        from type in new[] { Half, BFloat, Single }
        from size in new[] { 1, 8, 16, 20, 32, 64, 72, 80, 96, 128 }
        from layout in new[] { Layout.Strided, Layout.Misaligned }
        select new AttentionCase($"head size {size}, {(layout == Layout.Strided ? "strided" : "misaligned")}", type, [0, 67], [0, 75], 2, 1, size, Causal: true) { Exports = [[-2]], Layout = layout };

    private static IEnumerable<AttentionCase> Exports =>
        from type in new[] { Half, Single }
        from c in new[]
        {
            new AttentionCase("several rows, one of them twice", type, [0, 150], [0, 150], 2, 2, 64) { Exports = [[0, 77, -1, 77, None, 16, 149, 8]] },
            new AttentionCase("rows that do not exist", type, [0, 20], [0, 20], 1, 1, 64) { Exports = [[20, -21, int.MaxValue, None]] },
            new AttentionCase("several rows, causal", type, [0, 150], [0, 190], 2, 1, 80, Causal: true) { Exports = [[0, 77, -1, 149, 9, 15]] },
        }
        select c;

    private static IEnumerable<AttentionCase> Special =>
        from type in new[] { Half, BFloat, Single }
        from numbers in Enum.GetValues<AttentionNumbers>()
        select new AttentionCase($"{numbers}", type, [0, 70], [0, 70], 2, 2, 64) { Exports = [[0, 1, 2, 3]], Numbers = numbers };

    [Fact]
    public void Every_case_agrees_with_the_oracle()
    {
        foreach (var c in Cases) c.Check();
    }

    [Fact]
    public void Large_blocks_agree_too()
    {
        // enough heads that the plan takes them on every device
        foreach (var size in new[] { 64, 80, 96, 128 })
            new AttentionCase($"many heads of {size}", size == 96 ? BFloat : Half, [0, 130], [0, 140], 170, 170, size, Causal: true) { Exports = [[0, 129]] }.Check();
    }

    [Fact]
    public void Arguments_that_do_not_fit_are_refused_before_anything_is_launched()
    {
        var (kernels, stream) = (TestDevice.Available().First().Kernels, TestDevice.Available().First().Stream);
        var shape = new AttentionShape(4, 2, 64);
        var sequences = new DeviceSequences(new DeviceArray<int>(0x9000000, 3), 7);
        DeviceMatrix Matrix(nint at, int rows, int columns, ElementType type = Half) => new(at, type, rows, columns);
        var good = new AttentionInputs(Matrix(0x1000000, 9, 256), Matrix(0x2000000, 12, 128), Matrix(0x3000000, 12, 128), sequences, sequences);
        var output = Matrix(0x4000000, 9, 256);
        var export = new ExportedRows(new DeviceArray<int>(0x5000000, 2), 1, Matrix(0x6000000, 4, 12, Single));
        void Refused(AttentionInputs inputs, DeviceMatrix to, ExportedRows? rows = null, AttentionShape? other = null) =>
            Assert.ThrowsAny<ArgumentException>(() => Attention.Launch(kernels, inputs, to, other ?? shape, rows, stream));

        Refused(good with { Query = Matrix(0x1000000, 9, 192) }, output);
        Refused(good with { Key = Matrix(0x2000000, 12, 256) }, output);
        Refused(good with { Value = Matrix(0x3000000, 11, 128) }, output);
        Refused(good with { Value = Matrix(0x3000000, 12, 128, BFloat) }, output);
        Refused(good with { Keys = new DeviceSequences(new DeviceArray<int>(0x9000000, 4), 7) }, output);
        Refused(good with { Queries = sequences with { MaxRows = -1 } }, output);
        Refused(good with { Queries = default }, output);
        Refused(good, Matrix(0x4000000, 8, 256));
        Refused(good, Matrix(0x4000000, 9, 256, Single));
        Refused(good, Matrix(0x2000100, 9, 256));
        Refused(good, output, other: shape with { KeyValueHeads = 3 });
        Refused(good, output, other: shape with { Scale = -1 });
        Refused(good, output, export with { Slots = 0 });
        Refused(good, output, export with { Slots = 33 });
        Refused(good, output, export with { Slots = 2 });
        Refused(good, output, export with { Rows = new DeviceArray<int>(0x5000000, 1) });
        Refused(good, output, export with { LogProbabilities = Matrix(0x6000000, 4, 11, Single) });
        Refused(good, output, export with { LogProbabilities = Matrix(0x6000000, 4, 12) });
        Refused(good, output, export with { LogProbabilities = Matrix(0x4000000, 4, 12, Single) });
    }

    [Fact]
    public void The_oracle_agrees_with_rows_worked_by_hand()
    {
        // scores 0 and ln 3: probabilities 1/4 and 3/4
        var p = AttentionOracle.LogProbabilities([1, 0], [[0, 5], [2 * Math.Log(3), 7]], 0.5);
        Assert.Equal([Math.Log(0.25), Math.Log(0.75)], p, (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal([4.0, -0.5], AttentionOracle.Output(p, [[1, 1], [5, -1]], 2), (a, b) => Math.Abs(a - b) < 1e-14);
        Assert.Equal([0.0, -800.0], AttentionOracle.LogProbabilities([1], [[400], [-400]], 1));
        Assert.Equal([0.0, 0.0], AttentionOracle.Output([], [], 2));
        Assert.Equal([2.0, 5.0], AttentionOracle.Mean([[1, 4], [3, 6]], 2));
    }
}
