using System.Globalization;
using FlowCut.Interop;
using FlowCut.Kernels;

namespace FlowCut.Cli;

/// <summary>The CUDA part of flowcut doctor: what was found, every name that was tried and why it failed, the kernel cache.</summary>
internal static class CudaReport
{
    /// <summary>Pairs of a label and what is said about it.</summary>
    public static IEnumerable<(string What, string Value)> Lines()
    {
        var probe = NativeCuda.System.Probe();
        yield return ("cuda", probe.IsUsable ? $"usable, {Count(probe.Devices.Count, "device")}" : "kernels cannot be run here, for the reasons below");
        foreach (var (name, library) in new[] { ("driver", probe.Driver), ("nvrtc", probe.Nvrtc), ("cublaslt", probe.CublasLt) })
        {
            foreach (var value in Describe(library)) yield return (name, value);
        }

        foreach (var device in probe.Devices)
        {
            var memory = (device.MemoryBytes / 1e9).ToString("F1", CultureInfo.InvariantCulture);
            yield return ($"device {device.Ordinal}", $"{device.Name}, compute capability {device.ComputeCapability}, {memory} GB");
        }

        yield return ("kernel cache", Describe(KernelCache.Default));
    }

    private static IEnumerable<string> Describe(LibraryReport library)
    {
        yield return library.IsLoaded ? $"{library.Version ?? "unknown version"}, {library.Path}" : "not found";
        if (library.Problem is { } problem) yield return problem.ReplaceLineEndings(" ");
        foreach (var attempt in library.Attempts)
        {
            if (!attempt.Succeeded) yield return $"tried {attempt}".ReplaceLineEndings(" ");
        }

        if (library.MissingEntryPoints.Count > 0) yield return $"lacks {string.Join(", ", library.MissingEntryPoints)}";
    }

    private static string Describe(KernelCache cache)
    {
        var state = cache.Inspect();
        if (cache.Folder is null) return state.Problem!;
        var size = (state.Bytes / 1e6).ToString("F1", CultureInfo.InvariantCulture);
        var access = state.Writable ? "" : $", cannot be written ({state.Problem}): kernels are compiled at every start";
        return $"{cache.Folder}: {Count(state.Entries, "kernel")}, {size} MB{access}";
    }

    private static string Count(int number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";
}
