using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests;

public class SequencesTests
{
    [Fact]
    public void Uniform_lays_sequences_side_by_side()
    {
        var sequences = Sequences.Uniform(3, 5);
        Assert.Equal([0, 5, 10, 15], sequences.Offsets);
        Assert.Equal(5, sequences.Length(2));
        Assert.Equal(15, sequences.Rows);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(0, 5, 4)]
    public void Offsets_must_start_at_zero_and_not_fall(params int[] offsets) =>
        Assert.Throws<ArgumentException>(() => new Sequences(offsets));
}
