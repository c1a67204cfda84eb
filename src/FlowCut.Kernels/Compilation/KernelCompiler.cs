using System.Text;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels.Compilation;

/// <summary>Machine code for one architecture, and what the compiler said about it.</summary>
internal sealed record CompiledKernel(byte[] Image, string Log);

/// <summary>Compiles sources with NVRTC. Usable from any number of threads at once.</summary>
internal sealed class KernelCompiler(NvrtcApi nvrtc)
{
    /// <summary>What tells images of this compiler from those of another.</summary>
    public string Identity { get; } = LibraryIdentity.Of("nvrtc", nvrtc.Version(), nvrtc.LibraryPath);

    /// <summary>The options for an architecture, in the order in which they are passed.</summary>
    public static IReadOnlyList<string> Options(string architecture) =>
    [
        $"--gpu-architecture={architecture}",
        "--std=c++17",
        // the driver's own compile cache is keyed by less than ours, and asking for it would start a driver
        "--no-cache",
        "-default-device",
        // the assembler's report; it is part of the image's bytes, so the image that is checked is the image that is run
        "-Xptxas=-v",
    ];

    /// <summary>Compiles one source.</summary>
    /// <exception cref="KernelCompilationException">NVRTC refuses the source; carries log, options and numbered source.</exception>
    /// <exception cref="DeviceNotSupportedException">NVRTC does not know the architecture.</exception>
    /// <exception cref="NvrtcException">NVRTC itself fails, for instance for lack of memory.</exception>
    public CompiledKernel Compile(KernelSource source, string architecture)
    {
        Architecture.RequireKnown(nvrtc, architecture);
        var options = Options(architecture);
        using var program = nvrtc.CreateProgram(source.Text, source.Name, source.Headers);
        try
        {
            nvrtc.CompileProgram(program, options);
        }
        catch (NvrtcException e) when (e.Result is NvrtcResult.Compilation or NvrtcResult.InvalidOption)
        {
            throw new KernelCompilationException($"{source.Name} for {architecture}", e.Log, options, Listing(source), e);
        }

        // NVRTC 13 counts one zero byte more than there is text
        var log = nvrtc.GetProgramLog(program).TrimEnd('\0');
        return new CompiledKernel(nvrtc.GetCubin(program), log);
    }

    /// <summary>The source, and behind it the headers that are generated or that an error could be in.</summary>
    private static string Listing(KernelSource source)
    {
        var text = new StringBuilder(source.Text);
        foreach (var header in source.Headers.Where(h => h.Name.StartsWith("config/", StringComparison.Ordinal)))
            text.Append("\n// ").Append(header.Name).Append('\n').Append(header.Text);
        return text.ToString();
    }
}
