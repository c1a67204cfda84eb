using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Tests.Compilation;

public class ArchitectureTests
{
    [Theory]
    [InlineData(8, 0, "sm_80")]
    [InlineData(8, 6, "sm_86")]
    [InlineData(8, 9, "sm_89")]
    [InlineData(9, 0, "sm_90a")]
    [InlineData(10, 0, "sm_100")]
    [InlineData(12, 0, "sm_120")]
    public void Each_device_gets_its_exact_target(int major, int minor, string expected) => Assert.Equal(expected, Architecture.Of(major, minor));

    [Theory]
    [InlineData(7, 5)]
    [InlineData(13, 0)]
    public void Other_devices_are_refused_with_those_that_are_supported(int major, int minor)
    {
        var e = Assert.Throws<DeviceNotSupportedException>(() => Architecture.Of(major, minor));
        Assert.Contains($"{major}.{minor}", e.Message, StringComparison.Ordinal);
        Assert.Contains("8.0", e.Message, StringComparison.Ordinal);
        Assert.Contains("12.0", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Typical_devices_have_the_limits_of_their_capability()
    {
        Assert.Equal(163 << 10, DeviceInfo.Typical("sm_80").SharedMemoryPerBlock);
        Assert.Equal(99 << 10, DeviceInfo.Typical("sm_86").SharedMemoryPerBlock);
        Assert.Equal(99 << 10, DeviceInfo.Typical("sm_120").SharedMemoryPerBlock);
        Assert.Equal(227 << 10, DeviceInfo.Typical("sm_90a").SharedMemoryPerBlock);
        Assert.All(Architecture.Tested, a => Assert.Equal(a, DeviceInfo.Typical(a).Architecture));
    }
}
