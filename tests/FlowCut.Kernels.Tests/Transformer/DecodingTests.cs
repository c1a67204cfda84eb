using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class DecodingTests
{
    [Fact]
    public void Every_case_agrees_with_the_oracle() => DecodingTable.Cases.CheckOnEachDevice();

    [Fact]
    public void Every_draw_is_the_oracles() => DecodingTable.Samples.CheckOnEachDevice();

    [Fact]
    public void The_oracles_agree_with_rows_worked_by_hand()
    {
        Assert.Equal((1, -1, -1), (DecodingOracle.ArgMax([1, 3, 3]), DecodingOracle.ArgMax([1, float.NaN]), DecodingOracle.ArgMax([])));
        Assert.Equal([0.25, 0.75], DecodingOracle.Softmax([0, (float)Math.Log(3)], 1, false), (a, b) => Math.Abs(a - b) < 1e-7);
        // probabilities 1/8, 4/8, 1/8, 2/8 in the order 1, 3, 0, 2
        float[] logits = [0, (float)Math.Log(4), 0, (float)Math.Log(2)];
        int Draw(double uniform, int topK = 0, double topP = 1) => DecodingOracle.Sample(logits, uniform, 1, topK, topP).Token;
        Assert.Equal([1, 1, 3, 0, 2], [Draw(0), Draw(0.49), Draw(0.51), Draw(0.8), Draw(0.9)]);
        Assert.Equal([1, 3, 3], [Draw(0.66, topK: 2), Draw(0.67, topK: 2), Draw(0.999, topP: 0.7)]);
        Assert.Equal(1, Draw(0.999, topP: 0.4));
        // temperature 1/2 squares the weights: 16, 4, 1, 1
        Assert.Equal(1, DecodingOracle.Sample(logits, 0.72, 0.5, 0, 1).Token);
    }
}
