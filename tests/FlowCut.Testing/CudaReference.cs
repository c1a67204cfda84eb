using System.Diagnostics;
using Xunit;

namespace FlowCut.Testing;

/// <summary>
/// Facts about CUDA and the run-time compiler, which lie beside the repository (../shared/cuda). Tests that need them are skipped
/// where they are absent, or fail with FLOWCUT_REQUIRE_SHARED=1.
/// </summary>
public static class CudaReference
{
    private static readonly Dictionary<int, string?> Unpacked = [];

    /// <summary>The folder, or null where the machine has none.</summary>
    public static string? Folder { get; } = FindFolder();

    /// <summary>A file of the folder, or null.</summary>
    public static string? Find(string name)
    {
        var path = Folder is null ? null : Path.Combine(Folder, name);
        return File.Exists(path) ? path : null;
    }

    /// <summary>As <see cref="Find"/>; skips the test where there is none, or fails it where it is required.</summary>
    public static string Require(string name)
    {
        if (Find(name) is { } path) return path;
        Absent($"'../shared/cuda/{name}'");
        return "";
    }

    /// <summary>A folder that holds NVRTC of a CUDA major: the one that FLOWCUT_CUDA_PATH names, or the reference's, unpacked.</summary>
    public static string RequireNvrtc(int major = 13)
    {
        if (FindNvrtc(major) is { } folder) return folder;
        Absent($"NVRTC {major}");
        return "";
    }

    /// <summary>As <see cref="RequireNvrtc"/>, or null where there is none.</summary>
    public static string? FindNvrtc(int major = 13)
    {
        var named = Environment.GetEnvironmentVariable("FLOWCUT_CUDA_PATH");
        var name = OperatingSystem.IsWindows() ? $"nvrtc64_{major}0_0.dll" : $"libnvrtc.so.{major}";
        if (named is not null && File.Exists(Path.Combine(named, name))) return named;
        lock (Unpacked)
        {
            if (!Unpacked.TryGetValue(major, out var folder)) Unpacked[major] = folder = Unpack(major);
            return folder;
        }
    }

    /// <summary>The simulator's library: the one that FLOWCUT_SIMULATOR names, or the one that was built in artifacts/simulator; null where there is none.</summary>
    public static string? FindSimulator() => File.Exists(SimulatorPath) ? SimulatorPath : null;

    /// <summary>As <see cref="FindSimulator"/>; skips the test where there is none, or fails it with FLOWCUT_REQUIRE_SIMULATOR=1.</summary>
    public static string RequireSimulator()
    {
        if (FindSimulator() is { } path) return path;
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SIMULATOR") != "1", "the simulator has not been built: cmake -S . -B artifacts/simulator && cmake --build artifacts/simulator");
        throw new FileNotFoundException($"FLOWCUT_REQUIRE_SIMULATOR=1, but '{SimulatorPath}' does not exist.");
    }

    private static string SimulatorPath => Environment.GetEnvironmentVariable("FLOWCUT_SIMULATOR") is { Length: > 0 } named
        ? named
        : Path.Combine(Goldens.Repository, "artifacts", "simulator", "libflowcut-sim.so");

    private static string? Unpack(int major)
    {
        if (Folder is null || OperatingSystem.IsWindows() || !File.Exists(Path.Combine(Folder, $"nvrtc-{major}.tar.xz"))) return null;
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(Folder, "unpack-nvrtc"));
        start.ArgumentList.Add(major.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var process = Process.Start(start)!;
        var folder = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? folder : throw new InvalidOperationException($"unpack-nvrtc {major} ended with {process.ExitCode}.");
    }

    private static void Absent(string what)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SHARED") != "1", $"{what} is not on this machine");
        throw new FileNotFoundException($"FLOWCUT_REQUIRE_SHARED=1, but {what} is not on this machine.");
    }

    private static string? FindFolder()
    {
        var shared = Environment.GetEnvironmentVariable("FLOWCUT_SHARED") ?? Path.Combine(Path.GetDirectoryName(Goldens.Repository)!, "shared");
        var path = Path.Combine(shared, "cuda");
        return Directory.Exists(path) ? path : null;
    }
}
