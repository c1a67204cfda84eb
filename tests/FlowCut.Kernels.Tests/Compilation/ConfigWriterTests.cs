using System.Globalization;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Tests.Compilation;

public class ConfigWriterTests
{
    [Fact]
    public void Lines_come_in_the_order_of_the_calls()
    {
        var config = new ConfigWriter().Type("Elem", ElementType.BFloat16).Constant("kHeadSize", 64).Constant("kCausal", true).Constant("kScale", 0.1f);
        Assert.Equal("#pragma once\n#include \"fc/types.cuh\"\nusing Elem = fc::BFloat16;\nconstexpr int kHeadSize = 64;\nconstexpr bool kCausal = true;\nconstexpr float kScale = 1.00000001e-001f;\n", config.ToString());
    }

    [Theory]
    [InlineData(float.Epsilon)]
    [InlineData(float.MaxValue)]
    [InlineData(-1.1754944e-38f)]
    [InlineData(0.0883883461f)]
    public void Floats_come_back_from_their_literal(float value)
    {
        var line = new ConfigWriter().Constant("k", value).ToString().Split('\n')[2];
        Assert.Equal(value, float.Parse(line["constexpr float k = ".Length..^2], CultureInfo.InvariantCulture));
    }

    [Fact]
    public void What_has_no_literal_is_refused() => Assert.Throws<ArgumentException>(() => new ConfigWriter().Constant("k", float.NaN));
}
