using FlowCut.Interop;
using FlowCut.Kernels.Cases;

namespace FlowCut.DeviceRunner;

/// <summary>The command line is not one of the documented ones.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The command and its options.</summary>
internal sealed record Arguments(string Command, string Device, string? Simulator, string Filter, bool Quick, string? Out)
{
    /// <exception cref="UsageException">An option is unknown, or lacks its value.</exception>
    public static Arguments Parse(string[] args)
    {
        if (args.Length == 0) throw new UsageException("a command is needed");
        var result = new Arguments(args[0], "cuda", Environment.GetEnvironmentVariable("FLOWCUT_SIMULATOR"), "", false, null);
        for (var i = 1; i < args.Length; i++)
        {
            var name = args[i];
            string Value() => i + 1 < args.Length ? args[++i] : throw new UsageException($"{name} needs a value");
            result = name switch
            {
                "--device" => result with { Device = Value() },
                "--simulator" => result with { Simulator = Value() },
                "--filter" => result with { Filter = Value() },
                "--quick" => result with { Quick = true },
                "--out" => result with { Out = Value() },
                _ => throw new UsageException($"there is no option '{name}'"),
            };
        }

        return result.Device is "cuda" or "sim" ? result : throw new UsageException($"--device is cuda or sim, not '{result.Device}'");
    }

    /// <exception cref="CudaNotAvailableException">The device is not there.</exception>
    public CaseDevice Open()
    {
        if (Device == "cuda") return new CaseDevice("GPU", NativeCuda.System);
        return Simulator is { Length: > 0 } path && File.Exists(path)
            ? new CaseDevice("simulator", NativeCuda.Simulator(Path.GetFullPath(path)))
            : throw new UsageException("--device sim needs --simulator FILE, or FLOWCUT_SIMULATOR");
    }
}
