using System.Runtime.ExceptionServices;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>
/// The kernels that some work launches. A rehearsal of the work finds them: it goes through the launchers as always, with their
/// checks and plans, but nothing is compiled, loaded or launched. Then all of them are made ready at once, on all cores, which
/// one by one at their first use they would not be.
/// </summary>
public sealed class KernelSet
{
    [ThreadStatic]
    private static KernelSet? t_rehearsed;

    private readonly Dictionary<object, (KernelDescription Description, Action<KernelContext> Load)> _variants = [];

    private KernelSet() { }

    /// <summary>Whether this thread is rehearsing: what it reads from a device then means nothing.</summary>
    public static bool IsRehearsing => t_rehearsed is not null;

    /// <summary>Number of kernels.</summary>
    public int Count => _variants.Count;

    internal static KernelSet? Current => t_rehearsed;

    internal IEnumerable<KernelDescription> Descriptions => _variants.Values.Select(v => v.Description);

    /// <summary>Rehearses work on this thread. Copies, fills and allocations are made as always; kernels and products are not.</summary>
    public static KernelSet Rehearse(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var set = new KernelSet();
        var outer = t_rehearsed;
        t_rehearsed = set;
        try
        {
            work();
            return set;
        }
        finally
        {
            t_rehearsed = outer;
        }
    }

    /// <summary>Compiles or finds, and loads, all kernels, in parallel; those that are loaded already cost nothing.</summary>
    /// <exception cref="KernelCompilationException">NVRTC refuses a source.</exception>
    /// <exception cref="CudaNotAvailableException">NVRTC is needed and not there.</exception>
    /// <exception cref="NativeCudaException">A native call fails.</exception>
    public void Load(KernelContext kernels)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        InParallel(_variants.Values, variant => variant.Load(kernels));
    }

    /// <summary>
    /// Compiles all kernels for an architecture into a cache, in parallel, without a GPU: to fill the cache of a container image,
    /// say. Those that are there already are left alone.
    /// </summary>
    /// <param name="cuda">Whose NVRTC compiles; the cache serves the same version of it.</param>
    /// <param name="architecture">sm_90a, say.</param>
    /// <param name="cache">Where the images go.</param>
    /// <returns>How many were compiled.</returns>
    /// <exception cref="CudaNotAvailableException">NVRTC is not there.</exception>
    /// <exception cref="KernelCompilationException">NVRTC refuses a source.</exception>
    public int Compile(NativeCuda cuda, string architecture, KernelCache cache)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        ArgumentException.ThrowIfNullOrEmpty(architecture);
        ArgumentNullException.ThrowIfNull(cache);
        var compiler = new CachedCompiler(cuda, cache, architecture);
        InParallel(Descriptions, description =>
        {
            var source = description.Resolve();
            var key = compiler.Key(source);
            if (compiler.Find(key) is null) compiler.Compile(key, source);
        });
        return compiler.Compiled;
    }

    /// <summary>On all cores; the first failure is thrown as if there had been one core.</summary>
    private static void InParallel<T>(IEnumerable<T> items, Action<T> work)
    {
        try
        {
            Parallel.ForEach(items, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, work);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    internal LoadedKernel Add<TVariant>(TVariant variant)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        _variants.TryAdd(variant, (KernelDescription.Of(variant), kernels => kernels.Load(variant)));
        return LoadedKernel.Rehearsed;
    }
}
