using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class ElementWiseTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => ElementWiseTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_oracle_agrees_with_known_values()
    {
        Assert.Equal(0.15729920705028513, ActivationOracle.Erfc(1), 1e-15);
        Assert.Equal(2.209049699858544e-05, ActivationOracle.Erfc(3), 1e-18);
        Assert.Equal(1.842700792949715, ActivationOracle.Erfc(-1), 1e-15);
        Assert.Equal(0.8413447460685429, ActivationOracle.Apply(ActivationKind.Gelu, 1), 1e-14);
        Assert.Equal(0.8411919906082768, ActivationOracle.Apply(ActivationKind.GeluTanh, 1), 1e-14);
        Assert.Equal(0.7310585786300049, ActivationOracle.Apply(ActivationKind.Silu, 1), 1e-14);
        Assert.Equal(0.8457957659328212, ActivationOracle.Apply(ActivationKind.QuickGelu, 1), 1e-14);
    }
}
