using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>The device that was asked for, and the exit status: 0 done, 1 something failed, 2 wrong arguments, 3 no device.</summary>
internal sealed class Session(NativeCuda cuda, string name)
{
    private readonly Lazy<CaseDevice> _device = new(() => new CaseDevice(name, cuda));

    public NativeCuda Cuda => cuda;

    public CaseDevice Device => _device.Value;

    public static int Run(string device, Func<Session, int> work)
    {
        Session session;
        try
        {
            session = Open(device);
        }
        catch (Exception e) when (e is CudaNotAvailableException or DeviceNotSupportedException or FileNotFoundException)
        {
            Console.Error.WriteLine($"flowcut-device: {e.Message}");
            return Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_GPU") == "1" || device != "cuda" ? 3 : Skip();
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine($"flowcut-device: {e.Message}");
            return 2;
        }

        try
        {
            return work(session);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"flowcut-device: {e.Message}");
            return e is ArgumentException ? 2 : 1;
        }
    }

    private static int Skip()
    {
        Console.WriteLine("skipped: no GPU can be used (FLOWCUT_REQUIRE_GPU=1 makes that a failure)");
        return 0;
    }

    private static Session Open(string device)
    {
        if (device == "cuda")
        {
            return NativeCuda.System.Probe().IsUsable ? new Session(NativeCuda.System, "GPU") : throw new DeviceNotSupportedException("no GPU can be used here");
        }

        if (device != "sim") throw new ArgumentException($"--device takes cuda or sim, not '{device}'");
        var path = Environment.GetEnvironmentVariable("FLOWCUT_SIMULATOR") is { Length: > 0 } named ? named : Path.Combine(AppContext.BaseDirectory, "libflowcut-sim.so");
        return File.Exists(path) ? new Session(NativeCuda.Simulator(path), "simulator") : throw new FileNotFoundException($"the simulator '{path}' is not there; FLOWCUT_SIMULATOR names it");
    }
}
