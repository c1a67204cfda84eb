using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Pruning;

[Collection(DeviceCollection.Name)]
public class FlowStepTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => FlowStepTable.Cases.CheckOnEachDevice();
}
