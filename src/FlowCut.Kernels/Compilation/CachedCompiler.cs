using FlowCut.Interop;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels.Compilation;

/// <summary>Images for one architecture: from disk, else from the compiler and then on disk.</summary>
internal sealed class CachedCompiler(NativeCuda cuda, KernelCache cache, string architecture)
{
    private const string Extension = ".cubin";

    private readonly Lazy<KernelCompiler> _compiler = new(() => new KernelCompiler(cuda.Nvrtc), LazyThreadSafetyMode.PublicationOnly);
    private int _compiled;

    /// <summary>Images that were compiled rather than found.</summary>
    public int Compiled => Volatile.Read(ref _compiled);

    public string Key(KernelSource source) => CacheKey.Compute(source, KernelCompiler.Options(architecture), _compiler.Value.Identity, architecture);

    public byte[]? Find(string key) => cache.Read(key, Extension);

    public byte[] Compile(string key, KernelSource source)
    {
        var compiled = _compiler.Value.Compile(source, architecture);
        Interlocked.Increment(ref _compiled);
        cache.Write(key, Extension, compiled.Image, source.Name, architecture, _compiler.Value.Identity);
        return compiled.Image;
    }
}
