using System.Collections.Concurrent;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>From a description to a loaded module: memory, then disk, then compiler. Each module is made once, whoever asks first.</summary>
internal sealed class ModuleLoader : IDisposable
{
    private readonly CudaContext _context;
    private readonly CachedCompiler _compiler;
    private readonly ConcurrentDictionary<string, Lazy<KernelModule>> _modules = new(StringComparer.Ordinal);

    public ModuleLoader(CudaContext context, KernelCache cache, string architecture)
    {
        _context = context;
        _compiler = new CachedCompiler(context.Cuda, cache, architecture);
    }

    /// <summary>Modules that were compiled rather than found.</summary>
    public int Compiled => _compiler.Compiled;

    public KernelModule Load(KernelDescription description)
    {
        var source = description.Resolve();
        var key = _compiler.Key(source);
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
        if (_compiler.Find(key) is { } cached)
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

        return Load(_compiler.Compile(key, source));
    }

    private KernelModule Load(byte[] image)
    {
        var handle = _context.Run((_context.Owner, Image: image), static (driver, s) => driver.ModuleLoadData(s.Owner, s.Image));
        return new KernelModule(_context, handle);
    }

    private static bool IsForeignImage(CudaResult result) => result is
        CudaResult.InvalidImage or CudaResult.NoBinaryForGpu or CudaResult.InvalidSource or CudaResult.UnsupportedPtxVersion or CudaResult.InvalidPtx;
}
