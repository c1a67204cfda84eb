using System.Globalization;
using System.Text;

namespace FlowCut.Interop;

/// <summary>What was found of one library.</summary>
/// <param name="Name">For people.</param>
/// <param name="Path">The file in use, or the bare name where the file is not known; null: the library could not be loaded.</param>
/// <param name="Version">As the library says it; null: not loaded, or it did not say.</param>
/// <param name="Attempts">Every name in the order in which it was tried, with the loader's words.</param>
/// <param name="MissingEntryPoints">Entry points that a call would miss.</param>
/// <param name="Problem">Why the library cannot be used although it was loaded, or why none could be; null: no problem.</param>
public sealed record LibraryReport(
    string Name, string? Path, string? Version, IReadOnlyList<LoadAttempt> Attempts, IReadOnlyList<string> MissingEntryPoints, string? Problem)
{
    public bool IsLoaded => Path is not null;
}

/// <summary>What the driver says of one device.</summary>
/// <param name="Ordinal">Number of the device.</param>
/// <param name="Name">The vendor's name.</param>
/// <param name="ComputeCapability">9.0 for Hopper.</param>
/// <param name="MemoryBytes">Memory in bytes.</param>
public sealed record DeviceReport(int Ordinal, string Name, Version ComputeCapability, long MemoryBytes);

/// <summary>What was found of everything. <see cref="ToString"/> is the report for people.</summary>
/// <param name="Origin">As <see cref="NativeCuda.Origin"/>.</param>
/// <param name="Driver">The driver.</param>
/// <param name="Nvrtc">The run-time compiler and its builtins.</param>
/// <param name="CublasLt">Matrix products.</param>
/// <param name="Devices">Empty where there is no driver or no device; the driver's problem says which.</param>
public sealed record ProbeReport(string Origin, LibraryReport Driver, LibraryReport Nvrtc, LibraryReport CublasLt, IReadOnlyList<DeviceReport> Devices)
{
    /// <summary>Whether kernels can be compiled and run: driver, device and compiler are there.</summary>
    public bool IsUsable => Driver.Problem is null && Nvrtc.Problem is null && Devices.Count > 0;

    public override string ToString()
    {
        var text = new StringBuilder().Append("CUDA as seen by ").Append(Origin).AppendLine();
        foreach (var library in new[] { Driver, Nvrtc, CublasLt }) Append(text, library);
        foreach (var device in Devices)
        {
            var gibibytes = (device.MemoryBytes / (double)(1L << 30)).ToString("F1", CultureInfo.InvariantCulture);
            text.Append("Device ").Append(device.Ordinal).Append(": ").Append(device.Name).Append(", compute capability ").Append(device.ComputeCapability).Append(", ").Append(gibibytes).AppendLine(" GiB");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, LibraryReport library)
    {
        text.Append(library.Name).Append(": ").AppendLine(library.Path is null ? "not available" : $"{library.Version ?? "unknown version"}, {library.Path}");
        if (library.Problem is not null) text.Append("  ").AppendLine(library.Problem);
        foreach (var attempt in library.Attempts) text.Append(attempt.Succeeded ? "  + " : "  - ").Append(attempt).AppendLine();
        if (library.MissingEntryPoints.Count > 0) text.Append("  missing entry points: ").AppendJoin(", ", library.MissingEntryPoints).AppendLine();
    }
}
