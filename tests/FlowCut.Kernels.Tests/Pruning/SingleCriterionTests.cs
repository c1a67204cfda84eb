using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Pruning;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

[Collection(DeviceCollection.Name)]
public class SingleCriterionTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => SingleCriterionTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_widest_unit_that_everything_is_a_multiple_of_is_moved()
    {
        int Unit(nint x, long strideX, nint y, long strideY, long bytes) => GatherRows.Plan(new ByteRows(x, strideX), new ByteRows(y, strideY), bytes).Unit;
        Assert.Equal([16, 8, 4, 2, 1, 4, 2], [Unit(4096, 2048, 256, 2048, 2048), Unit(4096, 2048, 264, 2048, 2048), Unit(4096, 2052, 256, 2048, 2048), Unit(4096, 2048, 256, 2048, 6), Unit(4097, 3, 256, 3, 3), Unit(16, 4, 16, 4, 4), Unit(16, 16, 16, 18, 16)]);
    }
}
