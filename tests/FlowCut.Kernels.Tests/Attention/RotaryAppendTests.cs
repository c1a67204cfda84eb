using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class RotaryAppendTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => RotaryAppendTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_oracle_turns_by_a_quarter()
    {
        Assert.Equal([-3.0, 2.0, 1.0, 4.0], RotaryOracle.Rotate([1, 2, 3, 4], [MathF.PI / 2, 0]), (a, b) => Math.Abs(a - b) < 1e-6);
    }
}
