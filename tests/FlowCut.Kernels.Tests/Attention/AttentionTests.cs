using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class AttentionTests
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    [Fact]
    public void Every_case_agrees_with_the_oracle() => AttentionTable.Cases.CheckOnEachDevice();

    [Fact]
    public void Large_blocks_agree_too() => AttentionTable.LargeBlocks.CheckOnEachDevice();

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
