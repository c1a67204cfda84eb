using System.Diagnostics;
using FlowCut.Interop;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Compilation;

/// <summary>
/// The real NVRTC: of this machine, or the one that lies beside the complete set of goldens (../shared/cuda). Tests without it
/// are skipped, or fail with FLOWCUT_REQUIRE_SHARED=1.
/// </summary>
internal static class Nvrtc
{
    private const string PathVariable = "FLOWCUT_CUDA_PATH";

    private static readonly Lazy<(NativeCuda? Cuda, string Problem)> s_found = new(Find);

    public static NativeCuda Require()
    {
        var (cuda, problem) = s_found.Value;
        if (cuda is not null) return cuda;
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SHARED") != "1", problem);
        throw new InvalidOperationException($"FLOWCUT_REQUIRE_SHARED=1, but {problem}");
    }

    /// <summary>A file of ../shared/cuda, or null where there is no complete set.</summary>
    public static string? SharedFile(string name)
    {
        if (Goldens.Shared is null) return null;
        var path = Path.Combine(Path.GetDirectoryName(Goldens.Shared)!, "cuda", name);
        return File.Exists(path) ? path : null;
    }

    private static (NativeCuda?, string) Find()
    {
        try
        {
            _ = NativeCuda.System.Nvrtc;
            return (NativeCuda.System, "");
        }
        catch (CudaNotAvailableException e)
        {
            if (Unpack() is not { } folder) return (null, $"NVRTC is not on this machine: {e.Message}");
            // read at the next attempt: a failure is not remembered
            Environment.SetEnvironmentVariable(PathVariable, folder);
            _ = NativeCuda.System.Nvrtc;
            return (NativeCuda.System, "");
        }
    }

    private static string? Unpack()
    {
        if (OperatingSystem.IsWindows() || Environment.GetEnvironmentVariable(PathVariable) is not null) return null;
        if (SharedFile("unpack-nvrtc") is not { } script) return null;
        using var unpack = Process.Start(new ProcessStartInfo(script, "13") { RedirectStandardOutput = true })!;
        var folder = unpack.StandardOutput.ReadToEnd().Trim();
        unpack.WaitForExit();
        return unpack.ExitCode == 0 && Directory.Exists(folder) ? folder : null;
    }
}
