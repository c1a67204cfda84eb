using System.Globalization;
using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Cli;

/// <summary>What --device and --dtype ask for, and the backend that does it. Only auto chooses by itself, and says what and why.</summary>
internal sealed class DeviceChoice
{
    private readonly string _device;
    private readonly string _dtype;
    private readonly int _number;

    private DeviceChoice(string device, string dtype, int number) => (_device, _dtype, _number) = (device, dtype, number);

    /// <exception cref="InputException">An unknown device or type, or a type that the device does not compute in.</exception>
    public static DeviceChoice Parse(string device, string dtype)
    {
        if (dtype is not ("auto" or "f32" or "f16" or "bf16")) throw new InputException($"--dtype takes auto, f32, f16 or bf16, not '{dtype}'");
        var number = 0;
        var name = device;
        if (device.StartsWith("cuda:", StringComparison.Ordinal))
        {
            if (!int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out number))
                throw new InputException($"--device cuda:n takes a device's number, not '{device[5..]}'");
            name = "cuda";
        }

        if (name is not ("auto" or "cpu" or "cuda" or "sim")) throw new InputException($"--device takes auto, cpu, cuda[:n] or sim, not '{device}'");
        if (name == "cpu" && dtype is "f16" or "bf16") throw new InputException($"the CPU backend computes in f32, not {dtype}; use --dtype f32 (weights stay 16-bit as stored)");
        return new DeviceChoice(name, dtype, number);
    }

    /// <param name="weights">What the weights are stored as; decides the type where --dtype does not.</param>
    /// <exception cref="DeviceNotAvailableException">The device is not there.</exception>
    public Backend Open(StoredType weights) => _device switch
    {
        "cpu" => new CpuBackend(),
        "sim" => OpenCuda("sim", FindSimulator(), weights),
        "cuda" => OpenCuda($"cuda:{_number}", NativeCuda.System, weights),
        _ => Automatic(weights),
    };

    private Backend Automatic(StoredType weights)
    {
        try
        {
            var backend = OpenCuda("cuda:0", NativeCuda.System, weights);
            Console.Error.WriteLine($"device: {backend.Name} ({backend.Device.Name})");
            return backend;
        }
        catch (DeviceNotAvailableException e)
        {
            if (_dtype is "f16" or "bf16")
                throw new DeviceNotAvailableException($"--dtype {_dtype} needs a GPU, and none works here; use --dtype f32, or --device cuda to see why");
            Console.Error.WriteLine($"device: cpu ({FirstSentence(e.InnerException ?? e)}; 'flowcut doctor' says more)");
            return new CpuBackend();
        }
    }

    private CudaBackend OpenCuda(string name, NativeCuda cuda, StoredType weights)
    {
        try
        {
            return CudaBackend.Open(name, cuda, _number, ActivationsFor(weights));
        }
        catch (Exception e) when (e is NativeCudaException or CudaNotAvailableException or DeviceNotSupportedException or ArgumentOutOfRangeException)
        {
            // the whole list of what was tried is doctor's
            throw new DeviceNotAvailableException($"the device {name} is not available: {FirstLine(e)}; 'flowcut doctor' lists what was tried, --device cpu works without", e);
        }
    }

    /// <summary>auto: the checkpoint's 16-bit type.</summary>
    private ElementType ActivationsFor(StoredType weights) => _dtype switch
    {
        "f32" => ElementType.Float32,
        "bf16" => ElementType.BFloat16,
        "auto" when weights == StoredType.BFloat16 => ElementType.BFloat16,
        _ => ElementType.Float16,
    };

    private static string FirstLine(Exception e) => e.Message.Split('\n')[0].TrimEnd('.', ':', ' ');

    private static string FirstSentence(Exception e) => FirstLine(e).Split(". ")[0];

    private static NativeCuda FindSimulator()
    {
        const string variable = "FLOWCUT_SIMULATOR", name = "libflowcut-sim.so";
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
            return File.Exists(named) ? NativeCuda.Simulator(Path.GetFullPath(named)) : throw new DeviceNotAvailableException($"the device sim is not available: {variable} names '{named}', which does not exist");
        var path = Path.Combine(AppContext.BaseDirectory, name);
        return File.Exists(path)
            ? NativeCuda.Simulator(path)
            : throw new DeviceNotAvailableException($"the device sim is not available: there is no {name} beside the command ({AppContext.BaseDirectory}), and {variable} names none; './build.sh simulator' builds it on Linux, --device cpu works without");
    }
}
