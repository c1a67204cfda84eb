using FlowCut.Interop;
using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Operations;

/// <summary>The devices that operations are tested on. Kept for the whole process; their kernels too.</summary>
internal static class TestDevice
{
    private static readonly Lazy<CaseDevice> s_simulator = new(() => new CaseDevice("simulator", OpenSimulator()));
    private static readonly Lazy<CaseDevice?> s_gpu = new(FindGpu);

    /// <summary>The GPU, where there is one or FLOWCUT_REQUIRE_GPU=1 says that there has to be one, and the simulator, where it was built.</summary>
    public static IEnumerable<CaseDevice> Available()
    {
        if (s_gpu.Value is { } gpu) yield return gpu;
        // skips the test where neither is there
        if (s_gpu.Value is null || CudaReference.FindSimulator() is not null) yield return s_simulator.Value;
    }

    /// <summary>Runs cases on every device that is there.</summary>
    public static void CheckOnEachDevice(this IEnumerable<KernelCase> cases)
    {
        foreach (var device in Available())
        {
            foreach (var c in cases) c.Check(device);
        }
    }

    private static NativeCuda OpenSimulator()
    {
        var simulator = NativeCuda.Simulator(CudaReference.RequireSimulator());
        // before any context: the second device is for tests of what must not be mixed
        new SimulatorControl(simulator).SetDeviceCount(2);
        return simulator;
    }

    private static CaseDevice? FindGpu() => TestDevices.FindGpu() is { } cuda ? new CaseDevice("GPU", cuda) : null;
}
