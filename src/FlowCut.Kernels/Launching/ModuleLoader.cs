using System.Collections.Concurrent;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>From a description to a loaded module: memory, then disk, then compiler. Each module is made once, whoever asks first.</summary>
internal sealed class ModuleLoader : IDisposable
{
    private const string Extension = ".cubin";

    private readonly CudaContext _context;
    private readonly KernelCache _cache;
    private readonly string _architecture;
    private readonly Lazy<KernelCompiler> _compiler;
    private readonly ConcurrentDictionary<string, Lazy<KernelModule>> _modules = new(StringComparer.Ordinal);
    private int _compiled;

    public ModuleLoader(CudaContext context, KernelCache cache, string architecture)
    {
        (_context, _cache, _architecture) = (context, cache, architecture);
        _compiler = new Lazy<KernelCompiler>(() => new KernelCompiler(context.Cuda.Nvrtc), LazyThreadSafetyMode.PublicationOnly);
    }

    /// <summary>Modules that were compiled rather than found.</summary>
    public int Compiled => Volatile.Read(ref _compiled);

    public KernelModule Load(KernelDescription description)
    {
        var source = description.Resolve();
        var key = CacheKey.Compute(source, KernelCompiler.Options(_architecture), _compiler.Value.Identity, _architecture);
        var module = _modules.GetOrAdd(key, static (key, s) => new Lazy<KernelModule>(() => s.Self.Create(key, s.Source)), (Self: this, Source: source));
        try
        {
            return module.Value;
        }
        catch
        {
            _modules.TryRemove(KeyValuePair.Create(key, module));
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var module in _modules.Values)
        {
            if (module.IsValueCreated) module.Value.Dispose();
        }

        _modules.Clear();
    }

    private KernelModule Create(string key, KernelSource source)
    {
        if (_cache.Read(key, Extension) is { } cached)
        {
            try
            {
                return Load(cached);
            }
            catch (CudaException e) when (IsForeignImage(e.Result))
            {
                // whole, but not for this driver: compile it anew and replace it
            }
        }

        var compiled = _compiler.Value.Compile(source, _architecture);
        Interlocked.Increment(ref _compiled);
        _cache.Write(key, Extension, compiled.Image, source.Name, _architecture, _compiler.Value.Identity);
        return Load(compiled.Image);
    }

    private KernelModule Load(byte[] image)
    {
        var handle = _context.Run((_context.Owner, Image: image), static (driver, s) => driver.ModuleLoadData(s.Owner, s.Image));
        return new KernelModule(_context, handle);
    }

    private static bool IsForeignImage(CudaResult result) => result is
        CudaResult.InvalidImage or CudaResult.NoBinaryForGpu or CudaResult.InvalidSource or CudaResult.UnsupportedPtxVersion or CudaResult.InvalidPtx;
}
