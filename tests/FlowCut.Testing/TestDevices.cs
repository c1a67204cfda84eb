using FlowCut.Interop;
using Xunit;

namespace FlowCut.Testing;

/// <summary>
/// What device tests run on: the simulator, and the GPU where there is one. What is absent is skipped, or a failure where
/// FLOWCUT_REQUIRE_SIMULATOR=1 or FLOWCUT_REQUIRE_GPU=1 says that it has to be there.
/// </summary>
public static class TestDevices
{
    public const string Simulator = "simulator";
    public const string Gpu = "GPU";

    /// <summary>For MemberData: the name of each device.</summary>
    public static TheoryData<string> All => [Simulator, Gpu];

    /// <summary>The libraries of a device.</summary>
    public static NativeCuda Require(string device)
    {
        if (device == Simulator) return NativeCuda.Simulator(CudaReference.RequireSimulator());
        var gpu = FindGpu();
        Assert.SkipWhen(gpu is null, "there is no GPU that can be used");
        return gpu;
    }

    /// <summary>This machine's CUDA if a GPU can be used, or null.</summary>
    /// <exception cref="InvalidOperationException">FLOWCUT_REQUIRE_GPU=1, and none can.</exception>
    public static NativeCuda? FindGpu()
    {
        if (NativeCuda.System.Probe().IsUsable) return NativeCuda.System;
        return Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_GPU") == "1" ? throw new InvalidOperationException("FLOWCUT_REQUIRE_GPU=1, but no GPU can be used.") : null;
    }
}
