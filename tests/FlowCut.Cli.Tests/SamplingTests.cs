using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>The sampling options as users rely on them.</summary>
public class SamplingTests
{
    private static readonly Lazy<int[]> s_greedy = new(() => JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate())));

    [Fact]
    public void One_seed_gives_one_answer() => Assert.Equal(Sampled("--seed", "7"), Sampled("--seed", "7"));

    [Fact]
    public void Other_seeds_give_other_answers()
    {
        var answers = Enumerable.Range(0, 4).Select(seed => string.Join(' ', Sampled("--seed", $"{seed}"))).ToList();
        Assert.InRange(answers.Distinct().Count(), 2, 4);
    }

    [Theory]
    [InlineData("--top-k", "1")]
    [InlineData("--top-p", "1e-6")]
    [InlineData("--temperature", "1e-4")]
    public void Sampling_from_the_likeliest_token_alone_is_greedy(string option, string value) =>
        Assert.Equal(s_greedy.Value, option == "--temperature" ? JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate(option, value))) : Sampled(option, value));

    /// <summary>Hot enough that the small vocabulary's other tokens are drawn.</summary>
    private static int[] Sampled(string option, string value) => JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate("--temperature", "3", option, value)));
}
