using System.Diagnostics;
using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>Brings a library into the process.</summary>
internal interface INativeLoader
{
    /// <returns>The library's handle; 0: it could not be loaded, and <paramref name="words"/> say why.</returns>
    nint Load(string name, out string words);

    /// <returns>Address of an exported function; 0: there is none.</returns>
    nint Export(nint library, string symbol);

    /// <summary>The file behind a library that was loaded by its bare name; null: not found out.</summary>
    /// <param name="library">The library's handle.</param>
    /// <param name="symbol">Something that it exports.</param>
    string? PathOf(nint library, string symbol);
}

/// <summary>The operating system's loader.</summary>
internal sealed class SystemLoader : INativeLoader
{
    public static SystemLoader Instance { get; } = new();

    public nint Load(string name, out string words)
    {
        try
        {
            var library = NativeLibrary.Load(name);
            words = "loaded";
            return library;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            words = WordsOf(e.Message);
            return 0;
        }
    }

    public nint Export(nint library, string symbol) => NativeLibrary.TryGetExport(library, symbol, out var address) ? address : 0;

    public string? PathOf(nint library, string symbol)
    {
        var address = (nuint)Export(library, symbol);
        try
        {
            using var process = Process.GetCurrentProcess();
            foreach (ProcessModule module in process.Modules)
            {
                var start = (nuint)module.BaseAddress;
                if (address >= start && address - start < (nuint)module.ModuleMemorySize) return module.FileName;
            }
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            // a process that may not look at itself: the bare name has to do
        }

        return null;
    }

    /// <summary>The loader's own words: .NET puts a paragraph of general advice before them.</summary>
    internal static string WordsOf(string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 && lines[0].Contains("or one of its dependencies", StringComparison.Ordinal) ? string.Join("; ", lines[1..]) : string.Join(" ", lines);
    }
}
