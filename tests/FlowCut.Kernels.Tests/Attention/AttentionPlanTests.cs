using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

/// <summary>What plans choose, and what launchers refuse before any driver call.</summary>
public class AttentionPlanTests
{
    private static readonly DeviceInfo s_large = DeviceInfo.Typical("sm_90a"), s_small = DeviceInfo.Typical("sm_89");

    private static AttentionVariant Plan(int headSize, int rows, int heads, DeviceInfo device, bool vector = true) =>
        AttentionVariant.Plan(ElementType.Float16, headSize, vector, rows, heads, 1, device);

    [Fact]
    public void One_picture_takes_small_blocks_and_a_long_prompt_large_ones()
    {
        Assert.Equal(64, Plan(64, 577, 16, s_large).Rows);
        Assert.Equal(128, Plan(128, 2880, 32, s_large).Rows);
        Assert.Equal(64, Plan(128, 2880, 32, s_large, vector: false).Rows);
    }

    [Fact]
    public void Every_plan_is_among_the_variants_and_two_small_blocks_share_a_multiprocessor()
    {
        var variants = Attention.Variants.ToHashSet();
        foreach (var device in new[] { s_large, s_small })
        {
            foreach (var size in AttentionVariant.HeadSizes)
            {
                foreach (var rows in new[] { 1, 577, 100_000 })
                {
                    foreach (var vector in new[] { true, false }) Assert.Contains(Plan(size, rows, 16, device, vector), variants);
                }

                Assert.True(2 * (Plan(size, 64, 1, device).SharedBytes + 1024) <= device.SharedMemoryPerMultiprocessor, $"head size {size} on {device.Name}");
                Assert.True(Plan(size, 100_000, 16, device).SharedBytes <= device.SharedMemoryPerBlock, $"head size {size} on {device.Name}");
            }
        }
    }

    [Theory]
    [InlineData(32, 32, 1, 1)]
    [InlineData(28, 4, 1, 7)]
    [InlineData(12, 2, 1, 6)]
    [InlineData(32, 1, 1, 8)]
    [InlineData(22, 2, 1, 1)]
    public void Decoding_takes_the_query_heads_of_a_key_head_together(int heads, int keyValueHeads, int sequences, int group)
    {
        var shape = new AttentionShape(heads, keyValueHeads, 128);
        Assert.Equal(group, DecodeVariant.GroupOf(shape));
        var variant = new DecodeVariant(ElementType.Float16, 128, group, true);
        Assert.True(variant.SharedBytes <= 48 << 10);
        var splits = variant.Splits(heads, sequences, 4000, s_large);
        Assert.InRange(splits, 1, DecodeVariant.MaxSplits);
        Assert.True(splits * (heads / group) <= 4 * s_large.Multiprocessors);
        Assert.Equal(1, variant.Splits(heads, sequences, 1, s_large));
        Assert.Equal(sequences * heads * splits * 130, DecodeAttention.PartialLength(s_large, ElementType.Float16, shape, sequences, 4000));
    }

    [Fact]
    public void Shapes_that_make_no_sense_are_refused()
    {
        Assert.ThrowsAny<ArgumentException>(() => new AttentionShape(3, 2, 64).Check());
        Assert.ThrowsAny<ArgumentException>(() => new AttentionShape(0, 0, 64).Check());
        Assert.ThrowsAny<ArgumentException>(() => new AttentionShape(2, 2, 129).Check());
        Assert.ThrowsAny<ArgumentException>(() => new AttentionShape(2, 2, 64, 0).Check());
        Assert.ThrowsAny<ArgumentException>(() => new AttentionShape(2, 2, 64, float.NaN).Check());
        new AttentionShape(4, 2, 128).Check();
    }
}
