using System.Text;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Inspection;

/// <summary>A compiler for reports: keeps the log together with the image, because the log alone tells what is spilled.</summary>
internal sealed class ReportCompiler(NvrtcApi nvrtc, KernelCache cache)
{
    private const string Extension = ".compiled";

    private readonly KernelCompiler _compiler = new(nvrtc);

    public CompiledKernel Compile(KernelSource source, string architecture)
    {
        var key = CacheKey.Compute(source, KernelCompiler.Options(architecture), _compiler.Identity, architecture);
        if (cache.Read(key, Extension) is { } kept) return Unpack(kept);
        var compiled = _compiler.Compile(source, architecture);
        cache.Write(key, Extension, Pack(compiled), source.Name, architecture, _compiler.Identity);
        return compiled;
    }

    /// <summary>Length of the log, log, image.</summary>
    internal static byte[] Pack(CompiledKernel compiled)
    {
        var log = Encoding.UTF8.GetBytes(compiled.Log);
        return [.. BitConverter.GetBytes(log.Length), .. log, .. compiled.Image];
    }

    internal static CompiledKernel Unpack(byte[] kept)
    {
        var end = sizeof(int) + BitConverter.ToInt32(kept);
        return new CompiledKernel(kept[end..], Encoding.UTF8.GetString(kept.AsSpan(sizeof(int)..end)));
    }
}
