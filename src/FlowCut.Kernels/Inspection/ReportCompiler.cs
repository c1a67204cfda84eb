using System.Text;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Inspection;

/// <summary>A compiler for reports: keeps the log together with the image, because the log alone tells what is spilled.</summary>
internal sealed class ReportCompiler(NvrtcApi nvrtc, KernelCache cache)
{
    private const string Extension = ".report";

    private readonly KernelCompiler _compiler = new(nvrtc);

    public CompiledKernel Compile(KernelSource source, string architecture)
    {
        var key = CacheKey.Compute(source, KernelCompiler.Options(architecture), _compiler.Identity, architecture);
        // the log is text without a zero byte
        if (cache.Read(key, Extension) is { } kept && Array.IndexOf(kept, (byte)0) is >= 0 and var end)
            return new CompiledKernel(kept[(end + 1)..], Encoding.UTF8.GetString(kept, 0, end));
        var compiled = _compiler.Compile(source, architecture);
        byte[] payload = [.. Encoding.UTF8.GetBytes(compiled.Log), 0, .. compiled.Image];
        cache.Write(key, Extension, payload, source.Name, architecture, _compiler.Identity);
        return compiled;
    }
}
