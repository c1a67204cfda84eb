using System.Diagnostics;
using Xunit;

namespace FlowCut.Testing;

/// <summary>
/// Where the real NVRTC lies: FLOWCUT_CUDA_PATH, or the one beside the complete set of goldens (../shared/cuda). It needs no
/// device. Tests without it are skipped, or fail with FLOWCUT_REQUIRE_SHARED=1.
/// </summary>
public static class NvrtcFolder
{
    private static readonly Lazy<string?> s_found = new(() => Find("13"));

    /// <summary>A folder to name in FLOWCUT_CUDA_PATH, or null.</summary>
    public static string? Path => s_found.Value;

    /// <summary>As <see cref="Path"/>; skips the test where there is none, or fails it where it is required.</summary>
    public static string Require()
    {
        if (Path is { } folder) return folder;
        const string problem = "NVRTC is neither in FLOWCUT_CUDA_PATH nor in ../shared/cuda";
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SHARED") != "1", problem);
        throw new DirectoryNotFoundException($"FLOWCUT_REQUIRE_SHARED=1, but {problem}.");
    }

    /// <summary>A file of ../shared/cuda, or null where there is no complete set.</summary>
    public static string? SharedFile(string name)
    {
        if (Goldens.Shared is null) return null;
        var path = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Goldens.Shared)!, "cuda", name);
        return File.Exists(path) ? path : null;
    }

    private static string? Find(string major)
    {
        if (Environment.GetEnvironmentVariable("FLOWCUT_CUDA_PATH") is { Length: > 0 } chosen) return chosen;
        if (OperatingSystem.IsWindows() || SharedFile("unpack-nvrtc") is not { } script) return null;
        // unpacks once into the user's cache and prints the folder
        using var unpack = Process.Start(new ProcessStartInfo(script, major) { RedirectStandardOutput = true })!;
        var folder = unpack.StandardOutput.ReadToEnd().Trim();
        unpack.WaitForExit();
        return unpack.ExitCode == 0 && Directory.Exists(folder) ? folder : null;
    }
}
