using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class DecodeAttentionTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => DecodeAttentionTable.Cases.Concat(DecodeAttentionTable.Groups).CheckOnEachDevice();
}
