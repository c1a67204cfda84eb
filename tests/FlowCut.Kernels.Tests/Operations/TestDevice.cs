using System.Runtime.InteropServices;
using System.Text;
using FlowCut.Interop;
using FlowCut.Kernels.Tests.Devices;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Operations;

/// <summary>A device that operations are tested on: the simulator, or a GPU. Kept for the whole process; its kernels too.</summary>
internal sealed class TestDevice
{
    private static readonly Lazy<TestDevice> s_simulator = new(() => new TestDevice("simulator", OpenSimulator()));
    private static readonly Lazy<TestDevice?> s_gpu = new(FindGpu);

    private TestDevice(string name, NativeCuda cuda)
    {
        Name = name;
        Context = CudaDevice.All(cuda)[0].RetainPrimaryContext();
        Stream = CudaStream.Create(Context);
        Pool = DeviceMemoryPool.Create(Context);
        Kernels = new KernelContext(Context);
    }

    public string Name { get; }

    /// <summary>What the simulator saw kernels do that they must not; empty on a GPU.</summary>
    public unsafe string Violations()
    {
        if (Name == "GPU") return "";
        var report = (delegate* unmanaged[Cdecl]<byte*, nuint, nuint>)NativeLibrary.GetExport(NativeLibrary.Load(SimulatorPath), "flowcutSimViolations");
        var text = new byte[16384];
        fixed (byte* first = text) report(first, (nuint)text.Length);
        return Encoding.UTF8.GetString(text.AsSpan(0, Math.Max(Array.IndexOf(text, (byte)0), 0)));
    }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public DeviceMemoryPool Pool { get; }

    public KernelContext Kernels { get; }

    /// <summary>The GPU, where there is one or FLOWCUT_REQUIRE_GPU=1 says that there has to be one, and the simulator, where it was built.</summary>
    public static IEnumerable<TestDevice> Available()
    {
        if (s_gpu.Value is { } gpu) yield return gpu;
        // skips the test where neither is there
        if (s_gpu.Value is null || File.Exists(SimulatorPath)) yield return s_simulator.Value;
    }

    public static string SimulatorPath => Environment.GetEnvironmentVariable("FLOWCUT_SIMULATOR") is { Length: > 0 } named
        ? named
        : Path.Combine(Goldens.Repository, "artifacts", "simulator", "libflowcut-sim.so");

    private static NativeCuda OpenSimulator()
    {
        var simulator = NativeCuda.Simulator(RequireSimulator());
        // before any context: the second device is for tests of what must not be mixed
        new SimulatorControl(simulator).SetDeviceCount(2);
        return simulator;
    }

    private static string RequireSimulator()
    {
        if (File.Exists(SimulatorPath)) return SimulatorPath;
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SIMULATOR") != "1", "there is no GPU and the simulator has not been built");
        throw new FileNotFoundException($"FLOWCUT_REQUIRE_SIMULATOR=1, but '{SimulatorPath}' does not exist.");
    }

    private static TestDevice? FindGpu()
    {
        if (NativeCuda.System.Probe().IsUsable) return new TestDevice("GPU", NativeCuda.System);
        return Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_GPU") == "1" ? throw new InvalidOperationException("FLOWCUT_REQUIRE_GPU=1, but no GPU can be used.") : null;
    }
}
