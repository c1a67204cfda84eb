using System.Globalization;
using System.Text;

namespace FlowCut.Kernels;

/// <summary>NVRTC refused a kernel. With sources that belong to the library this is a defect of the library, or an NVRTC that it does not fit.</summary>
public sealed class KernelCompilationException : Exception
{
    public KernelCompilationException(string name, string log, IReadOnlyList<string> options, string source)
        : base($"Compiling {name} failed: {log?.Trim()}{Environment.NewLine}Options: {string.Join(' ', options ?? [])}")
    {
        Log = log ?? "";
        Options = options ?? [];
        NumberedSource = Number(source ?? "");
    }

    public KernelCompilationException(string name, string log, IReadOnlyList<string> options, string source, Exception innerException)
        : base($"Compiling {name} failed: {log?.Trim()}{Environment.NewLine}Options: {string.Join(' ', options ?? [])}", innerException)
    {
        Log = log ?? "";
        Options = options ?? [];
        NumberedSource = Number(source ?? "");
    }

    /// <summary>What the compiler wrote.</summary>
    public string Log { get; }

    /// <summary>The options it was given, in order.</summary>
    public IReadOnlyList<string> Options { get; }

    /// <summary>The source and its configuration, each line with its number, as the log refers to them.</summary>
    public string NumberedSource { get; }

    private static string Number(string source)
    {
        var text = new StringBuilder();
        var number = 0;
        foreach (var line in source.Split('\n')) text.Append(CultureInfo.InvariantCulture, $"{++number,5}  {line}\n");
        return text.ToString();
    }
}
