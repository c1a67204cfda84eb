using FlowCut.Models.Generation;

namespace FlowCut.Models.Tests.Generation;

public class GenerationOptionsTests
{
    public static readonly TheoryData<GenerationOptions, string> Wrong = new()
    {
        { new() { MaxTokens = 0 }, "at least 1 token" },
        { new() { MaxTokens = -5 }, "-5" },
        { new() { Temperature = -0.1f }, "temperature" },
        { new() { Temperature = float.NaN }, "temperature" },
        { new() { Temperature = float.PositiveInfinity }, "temperature" },
        { new() { TopP = 0 }, "top-p" },
        { new() { TopP = 1.01f }, "top-p" },
        { new() { TopP = -1 }, "top-p" },
        { new() { TopP = float.NaN }, "top-p" },
        { new() { TopK = -1 }, "top-k" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_value_out_of_range_is_refused_by_name(GenerationOptions options, string part) =>
        Assert.Contains(part, Assert.Throws<InputException>(options.Validate).Message, StringComparison.Ordinal);

    [Fact]
    public void The_edges_of_the_ranges_are_allowed()
    {
        new GenerationOptions().Validate();
        new GenerationOptions { MaxTokens = 1, Temperature = 0, TopP = 1, TopK = 0 }.Validate();
        new GenerationOptions { MaxTokens = int.MaxValue, Temperature = float.MaxValue, TopP = float.Epsilon, TopK = int.MaxValue, Seed = ulong.MaxValue }.Validate();
    }
}
