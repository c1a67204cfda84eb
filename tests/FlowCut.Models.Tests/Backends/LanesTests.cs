using FlowCut.Models.Backends.Cpu;

namespace FlowCut.Models.Tests.Backends;

public class LanesTests
{
    [Fact]
    public unsafe void Exp_is_within_two_units_in_the_last_place_at_every_width()
    {
        var x = stackalloc float[16];
        var y = stackalloc float[16];
        double worst = 0;
        for (var step = -87.2f; step < 88.5f; step += 0.0037f)
        {
            for (var i = 0; i < 16; i++) x[i] = step;
            Lanes512.Store(Lanes.Exp(Lanes512.Load(x)), y);
            Lanes256.Store(Lanes.Exp(Lanes256.Load(x)), y + 8);
            Lanes128.Store(Lanes.Exp(Lanes128.Load(x)), y + 12);
            foreach (var i in new[] { 0, 8, 12 }) worst = Math.Max(worst, Math.Abs(y[i] - Math.Exp(step)) / (float.BitIncrement((float)Math.Exp(step)) - (float)Math.Exp(step)));
        }

        Assert.InRange(worst, 0.4, 2);
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-88f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.MinValue, 0f)]
    [InlineData(float.NaN, float.NaN)]
    public unsafe void Exp_of_special_values(float value, float expected)
    {
        var y = stackalloc float[16];
        Lanes512.Store(Lanes.Exp(Lanes512.All(value)), y);
        Assert.Equal(expected, y[7]);
        Lanes256.Store(Lanes.Exp(Lanes256.All(value)), y);
        Assert.Equal(expected, y[7]);
        Lanes128.Store(Lanes.Exp(Lanes128.All(value)), y);
        Assert.Equal(expected, y[3]);
    }
}
