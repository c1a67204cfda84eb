using FlowCut.Interop;
using FlowCut.Kernels;
using Xunit;

namespace FlowCut.Testing;

/// <summary>
/// The devices that every device test runs on: the simulator, which build.sh builds into artifacts/simulator, and the GPU. What is
/// absent is skipped; FLOWCUT_REQUIRE_GPU=1 makes a missing GPU a failure, FLOWCUT_REQUIRE_SHARED=1 a missing simulator.
/// </summary>
public static class TestDevices
{
    public const string Simulator = "simulator";
    public const string Gpu = "gpu";

    private static readonly Lazy<(NativeCuda? Cuda, string Problem)> s_simulator = new(FindSimulator);
    private static readonly Lazy<(NativeCuda? Cuda, string Problem)> s_gpu = new(FindGpu);

    /// <summary>For MemberData: the name of each device.</summary>
    public static TheoryData<string> All => [Simulator, Gpu];

    /// <summary>The libraries of a device; skips the test where it is absent, or fails it where it is required.</summary>
    public static NativeCuda Require(string device)
    {
        var (found, variable) = device == Simulator ? (s_simulator.Value, "FLOWCUT_REQUIRE_SHARED") : (s_gpu.Value, "FLOWCUT_REQUIRE_GPU");
        if (found.Cuda is not null) return found.Cuda;
        Assert.SkipWhen(OperatingSystem.IsWindows() && device == Simulator, "the simulator is for Linux");
        Assert.SkipWhen(Environment.GetEnvironmentVariable(variable) != "1", found.Problem);
        throw new InvalidOperationException($"{variable}=1, but {found.Problem}");
    }

    private static (NativeCuda?, string) FindSimulator()
    {
        var library = Path.Combine(Goldens.Repository, "artifacts", "simulator", "libflowcut-sim.so");
        if (!File.Exists(library)) return (null, "there is no simulator: ./build.sh simulator builds it");
        var cuda = NativeCuda.Simulator(library);
        var count = CudaDevice.Count(cuda);
        return count > 0 ? (cuda, "") : throw new InvalidOperationException("The simulator has no device.");
    }

    private static (NativeCuda?, string) FindGpu()
    {
        var probe = NativeCuda.System.Probe();
        return probe.IsUsable ? (NativeCuda.System, "") : (null, $"there is no GPU: {probe.Driver.Problem ?? probe.Nvrtc.Problem ?? "no device"}");
    }
}
