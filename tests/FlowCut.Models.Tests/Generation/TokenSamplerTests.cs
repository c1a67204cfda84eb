using FlowCut.Models.Generation;

namespace FlowCut.Models.Tests.Generation;

public class TokenSamplerTests
{
    [Fact]
    public void One_candidate_is_the_likeliest_and_of_equals_the_first()
    {
        var sampler = new TokenSampler(new GenerationOptions { Temperature = 1, TopK = 1, Seed = 5 });
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(2, sampler.Sample([0, 1, 7, 7, -1, 7]));
            Assert.Equal(0, sampler.Sample([3, 3, 3]));
        }
    }

    [Theory]
    [InlineData(2, new[] { 1, 2 })]
    [InlineData(3, new[] { 1, 2, 4 })]
    [InlineData(100, new[] { 0, 1, 2, 3, 4, 5 })]
    [InlineData(0, new[] { 0, 1, 2, 3, 4, 5 })]
    public void Top_k_draws_from_the_k_likeliest_and_from_every_one_of_them(int k, int[] expected) =>
        Assert.Equal(expected, Drawn(new GenerationOptions { Temperature = 1, TopK = k }, [0, 1.5f, 1.5f, 0, 1.5f, 0]));

    /// <summary>Probabilities 1/2, 1/4, 1/8, 1/8: the set ends with the token that reaches p, exactly reaching it included.</summary>
    [Theory]
    [InlineData(0.01f, new[] { 1 })]
    [InlineData(0.5f, new[] { 1 })]
    [InlineData(0.51f, new[] { 1, 3 })]
    [InlineData(0.75f, new[] { 1, 3 })]
    [InlineData(0.76f, new[] { 0, 1, 3 })]
    [InlineData(0.88f, new[] { 0, 1, 2, 3 })]
    [InlineData(1f, new[] { 0, 1, 2, 3 })]
    public void Top_p_draws_from_the_smallest_set_that_reaches_p(float p, int[] expected)
    {
        // logarithms are rounded, so a boundary is met from just below it
        var options = new GenerationOptions { Temperature = 1, TopP = p - 1e-6f * (p < 1 ? 1 : 0) };
        Assert.Equal(expected, Drawn(options, [.. new[] { 0.125, 0.5, 0.125, 0.25 }.Select(share => (float)Math.Log(share))]));
    }

    /// <summary>Top-k first, then top-p over what is left of the probability: of 4, 3, 2, 1 tenths the two likeliest are 4/7 and 3/7.</summary>
    [Theory]
    [InlineData(0.5f, new[] { 0 })]
    [InlineData(0.6f, new[] { 0, 1 })]
    public void Top_p_counts_within_top_k(float p, int[] expected) =>
        Assert.Equal(expected, Drawn(new GenerationOptions { Temperature = 1, TopK = 2, TopP = p }, [.. new[] { 4.0, 3, 2, 1 }.Select(share => (float)Math.Log(share))]));

    /// <summary>
    /// Pearson's χ² of 100 000 draws against softmax(logits/temperature). With 7 degrees of freedom a right sampler
    /// exceeds 29.88 once in 10 000 seeds; the seeds are fixed.
    /// </summary>
    [Theory]
    [InlineData(0.5f, 1)]
    [InlineData(1f, 2)]
    [InlineData(2.5f, 3)]
    public void Draws_follow_the_distribution(float temperature, ulong seed)
    {
        float[] logits = [0.3f, -1, 2, 0.3f, 1.1f, -0.7f, 0, 1.9f];
        const int draws = 100_000;
        var sampler = new TokenSampler(new GenerationOptions { Temperature = temperature, Seed = seed });
        var counts = new int[logits.Length];
        for (var i = 0; i < draws; i++) counts[sampler.Sample(logits)]++;

        var weights = logits.Select(logit => Math.Exp(logit / temperature)).ToArray();
        var chiSquare = weights.Select((weight, i) =>
        {
            var expected = draws * weight / weights.Sum();
            return (counts[i] - expected) * (counts[i] - expected) / expected;
        }).Sum();
        Assert.InRange(chiSquare, 0.1, 29.88);
    }

    [Fact]
    public void A_seed_gives_the_same_draws_and_another_seed_others()
    {
        var logits = Enumerable.Range(0, 1000).Select(i => i % 7 / 3f).ToArray();
        Assert.Equal(Draws(1), Draws(1));
        Assert.NotEqual(Draws(1), Draws(2));
        Assert.NotEqual(Draws(0), Draws(1));

        int[] Draws(ulong seed)
        {
            var sampler = new TokenSampler(new GenerationOptions { Temperature = 1, Seed = seed });
            return [.. Enumerable.Range(0, 20).Select(_ => sampler.Sample(logits))];
        }
    }

    /// <summary>SplitMix64 from seed 0 begins with E220A8397B1DCDAF, 6E789E6AA1B965F4, 06C45D188009454F, F88BB8A8724C81EC: shares 0.8833, 0.4315, 0.0264, 0.9709.</summary>
    [Fact]
    public void The_generator_is_splitmix64_so_that_answers_outlive_the_framework()
    {
        var sampler = new TokenSampler(new GenerationOptions { Temperature = 1 });
        var uniform = new float[1000];
        Assert.Equal([883, 431, 26, 970], Enumerable.Range(0, 4).Select(_ => sampler.Sample(uniform)));
    }

    [Theory]
    [InlineData(1e-6f)]
    [InlineData(1e-30f)]
    [InlineData(float.Epsilon)]
    public void A_vanishing_temperature_is_greedy_and_not_nan(float temperature) =>
        Assert.Equal([2], Drawn(new GenerationOptions { Temperature = temperature }, [1, -3e38f, 1.5f, 1.4f]));

    [Fact]
    public void Large_logits_and_large_temperatures_do_not_overflow()
    {
        Assert.Equal([1], Drawn(new GenerationOptions { Temperature = 1 }, [-3e38f, 3e38f, 0]));
        Assert.Equal([0, 1, 2], Drawn(new GenerationOptions { Temperature = float.MaxValue }, [-1e38f, 1e38f, 0]));
    }

    private static int[] Drawn(GenerationOptions options, float[] logits)
    {
        var sampler = new TokenSampler(options with { Seed = 11 });
        return [.. Enumerable.Range(0, 2000).Select(_ => sampler.Sample(logits)).Distinct().Order()];
    }
}
