namespace FlowCut.Interop.Tests;

/// <summary>The same scenarios on a GPU, where there is one; FLOWCUT_REQUIRE_GPU=1 demands it.</summary>
public class RealDeviceTests
{
    [Fact]
    public void Everything_from_compilation_to_graphs_works() => Assert.Equal(DriverScenario.Expected, DriverScenario.Run(Require()));

    [Fact]
    public void A_matrix_product_works()
    {
        var cuda = Require();
        var problem = cuda.Probe().CublasLt.Problem;
        Assert.SkipWhen(problem is not null && Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_GPU") != "1", $"there is no cuBLASLt: {problem}");
        Assert.Equal(CublasLtScenario.Expected, CublasLtScenario.Run(cuda));
    }

    private static NativeCuda Require()
    {
        var report = NativeCuda.System.Probe();
        Assert.SkipWhen(!report.IsUsable && Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_GPU") != "1", "there is no GPU that can be used");
        Assert.True(report.IsUsable, report.ToString());
        return NativeCuda.System;
    }
}
