using System.Runtime.CompilerServices;
using Xunit;

namespace FlowCut.Testing;

/// <summary>
/// Where reference data lies: the complete set beside the repository (../shared/goldens) and the part of it that the
/// repository carries (tests/goldens, samples). With FLOWCUT_REQUIRE_SHARED=1 the complete set must be there.
/// </summary>
public static class Goldens
{
    /// <summary>Root of the working copy.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The complete set, or null where the machine has none.</summary>
    public static string? Shared { get; } = FindShared();

    /// <summary>A file or folder of the goldens: from the repository if it carries it, else from the complete set; null if neither has it.</summary>
    public static string? Find(string relativePath)
    {
        foreach (var root in new[] { Path.Combine(Repository, "tests", "goldens"), Path.Combine(Repository, "samples"), Shared })
        {
            if (root is null) continue;
            var path = Path.Combine(root, relativePath);
            if (File.Exists(path) || Directory.Exists(path)) return path;
        }

        return null;
    }

    /// <summary>As <see cref="Find"/>; skips the test where the data is absent, or fails it where it is required.</summary>
    public static string Require(string relativePath)
    {
        if (Find(relativePath) is { } path) return path;
        Assert.SkipWhen(Environment.GetEnvironmentVariable("FLOWCUT_REQUIRE_SHARED") != "1", $"'{relativePath}' is only in the complete set of goldens, which is not on this machine");
        throw new FileNotFoundException($"FLOWCUT_REQUIRE_SHARED=1, but '{relativePath}' is in neither tests/goldens, samples nor ../shared/goldens.");
    }

    private static string FindRepository([CallerFilePath] string file = "")
    {
        for (var folder = Path.GetDirectoryName(file); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "FlowCut.Kernels.sln"))) return folder;
        }

        throw new DirectoryNotFoundException("The tests must run from a working copy.");
    }

    private static string? FindShared()
    {
        var configured = Environment.GetEnvironmentVariable("FLOWCUT_SHARED");
        var path = configured ?? Path.Combine(Path.GetDirectoryName(Repository)!, "shared");
        path = Path.Combine(path, "goldens");
        return Directory.Exists(path) ? path : null;
    }
}
