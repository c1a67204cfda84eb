using System.Collections.Concurrent;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Matmul;

namespace FlowCut.Kernels;

/// <summary>
/// The kernels of one context: compiles them at their first use or finds them in the cache, loads them, and keeps what has been
/// loaded. The first argument of every launcher. Usable from any number of threads.
/// </summary>
/// <remarks>
/// A kernel's first launch may compile (tens of milliseconds) and load it, which allocates on the device. During a stream capture
/// that is not possible: run the work once before, or rehearse it (<see cref="KernelSet"/>), so that capturing only launches.
/// </remarks>
public sealed class KernelContext : IDisposable
{
    private readonly ModuleLoader _loader;
    private readonly Lock _lock = new();
    private volatile ProductPlans? _products;
    private object?[] _tables = new object?[32];
    private bool _disposed;

    /// <param name="context">Where kernels are loaded; must outlive this object.</param>
    /// <param name="cache">Where compiled kernels are kept; null for the user's cache.</param>
    /// <exception cref="DeviceNotSupportedException">The kernels cannot run on the context's device.</exception>
    public KernelContext(CudaContext context, KernelCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        Context = context;
        Device = context.Device.Info;
        Cache = cache ?? KernelCache.Default;
        _loader = new ModuleLoader(context, Cache, Device.Architecture);
    }

    /// <summary>The context in which kernels are loaded.</summary>
    public CudaContext Context { get; }

    /// <summary>What plans depend on.</summary>
    public DeviceInfo Device { get; }

    /// <summary>Where compiled kernels are kept.</summary>
    public KernelCache Cache { get; }

    /// <summary>Number of kernels that had to be compiled so far; the others came from the cache.</summary>
    public int Compiled => _loader.Compiled;

    /// <summary>Matrix products by cuBLASLt, which is loaded when the first one is asked for.</summary>
    internal ProductPlans Products
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_products is { } ready) return ready;
            lock (_lock) return _products ??= new ProductPlans(this);
        }
    }

    /// <summary>A variant, ready to be launched. Allocates nothing once it is loaded.</summary>
    /// <exception cref="InvalidOperationException">It is not loaded yet and this thread is capturing.</exception>
    /// <exception cref="KernelCompilationException">NVRTC refuses the source.</exception>
    /// <exception cref="CudaNotAvailableException">NVRTC is needed and not there.</exception>
    /// <exception cref="NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    internal LoadedKernel Load<TVariant>(TVariant variant)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        if (KernelSet.Current is { } rehearsed) return rehearsed.Add(variant);
        var table = Table<TVariant>();
        return table.TryGetValue(variant, out var kernel) ? kernel.Value : LoadFirst(table, variant);
    }

    /// <summary>Compiles and loads variants in parallel, so that later launches, also captured ones, find them ready.</summary>
    /// <exception cref="AggregateException">Some could not be compiled or loaded; the others are ready.</exception>
    internal void Preload<TVariant>(IEnumerable<TVariant> variants)
        where TVariant : struct, IKernelVariant<TVariant> =>
        Parallel.ForEach(variants, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, variant => Load(variant));

    /// <summary>Unloads all kernels. Nothing that was launched may still run.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _products?.Dispose();
        _loader.Dispose();
    }

    private LoadedKernel LoadFirst<TVariant>(ConcurrentDictionary<TVariant, Lazy<LoadedKernel>> table, TVariant variant)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        CapturedGraph.RequireNotCapturing(variant.Entry);
        var entry = table.GetOrAdd(variant, static (variant, self) => new Lazy<LoadedKernel>(() => self.Create(variant)), this);
        try
        {
            return entry.Value;
        }
        catch
        {
            // what failed may work later (memory, a library that was installed): do not keep the failure
            table.TryRemove(KeyValuePair.Create(variant, entry));
            throw;
        }
    }

    private LoadedKernel Create<TVariant>(TVariant variant)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        var description = KernelDescription.Of(variant);
        if (description.SharedBytes > Device.SharedMemoryPerBlock)
            throw new DeviceNotSupportedException($"{description.Entry} needs {description.SharedBytes} bytes of shared memory per block; {Device.Name} has {Device.SharedMemoryPerBlock}.");
        var function = _loader.Load(description).Function(description.Entry, description.SharedBytes);
        return new LoadedKernel(Context, description.Entry, function, description.SharedBytes);
    }

    private ConcurrentDictionary<TVariant, Lazy<LoadedKernel>> Table<TVariant>()
        where TVariant : struct, IKernelVariant<TVariant>
    {
        var index = VariantTable.Index<TVariant>();
        var tables = Volatile.Read(ref _tables);
        return index < tables.Length && Volatile.Read(ref tables[index]) is ConcurrentDictionary<TVariant, Lazy<LoadedKernel>> table ? table : AddTable<TVariant>(index);
    }

    private ConcurrentDictionary<TVariant, Lazy<LoadedKernel>> AddTable<TVariant>(int index)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        lock (_lock)
        {
            if (index < _tables.Length && _tables[index] is ConcurrentDictionary<TVariant, Lazy<LoadedKernel>> present) return present;
            var table = new ConcurrentDictionary<TVariant, Lazy<LoadedKernel>>();
            var tables = _tables;
            // readers keep the old array: it is replaced, never shrunk
            if (index >= tables.Length) Array.Resize(ref tables, Math.Max(index + 1, 2 * tables.Length));
            Volatile.Write(ref tables[index], table);
            Volatile.Write(ref _tables, tables);
            return table;
        }
    }
}
