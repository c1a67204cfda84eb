using FlowCut.Interop;

namespace FlowCut.Kernels.Compilation;

/// <summary>The machine code a device gets: the exact sm, never an intermediate form that the driver would have to translate.</summary>
internal static class Architecture
{
    /// <summary>
    /// Compute capability (10·major + minor) and the name NVRTC has for it. The kernels need instructions of 8.0 (cp.async, bf16
    /// mma). 9.0 takes the architecture-specific target, whose instructions (wgmma, setmaxnreg) exist nowhere else.
    /// </summary>
    private static readonly (int Capability, string Name)[] s_names =
    [
        (80, "sm_80"), (86, "sm_86"), (87, "sm_87"), (88, "sm_88"), (89, "sm_89"), (90, "sm_90a"),
        (100, "sm_100"), (103, "sm_103"), (110, "sm_110"), (120, "sm_120"), (121, "sm_121"),
    ];

    /// <summary>Those that every kernel is compiled for in the tests.</summary>
    public static IReadOnlyList<string> Tested { get; } = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"];

    /// <summary>True if the kernels can be compiled for a compute capability (10·major + minor).</summary>
    public static bool Supports(int computeCapability) => Array.Exists(s_names, n => n.Capability == computeCapability);

    /// <summary>The name for a device.</summary>
    /// <exception cref="DeviceNotSupportedException">The kernels cannot run there.</exception>
    public static string Of(int major, int minor)
    {
        foreach (var (capability, name) in s_names)
        {
            if (capability == 10 * major + minor) return name;
        }

        throw new DeviceNotSupportedException($"A device of compute capability {major}.{minor} is not supported; supported are {string.Join(", ", s_names.Select(n => $"{n.Capability / 10}.{n.Capability % 10}"))}.");
    }

    /// <summary>10·major + minor of "sm_90a".</summary>
    /// <exception cref="ArgumentException">Not the name of a supported architecture.</exception>
    public static int Capability(string architecture)
    {
        foreach (var (capability, name) in s_names)
        {
            if (name == architecture) return capability;
        }

        throw new ArgumentException($"'{architecture}' is not a supported architecture; those are {string.Join(", ", s_names.Select(n => n.Name))}.", nameof(architecture));
    }

    /// <summary>Refuses an architecture that this NVRTC is too old or too new for, before it does so less clearly.</summary>
    /// <exception cref="DeviceNotSupportedException">NVRTC does not list it.</exception>
    public static void RequireKnown(NvrtcApi nvrtc, string architecture)
    {
        var capability = Capability(architecture);
        var known = nvrtc.GetSupportedArchs();
        if (!known.Contains(capability))
        {
            throw new DeviceNotSupportedException($"NVRTC {nvrtc.Version()} cannot compile for {architecture}; it knows {string.Join(", ", known.Select(k => $"sm_{k}"))}. Install the NVRTC of a CUDA version that supports the device.");
        }
    }
}
