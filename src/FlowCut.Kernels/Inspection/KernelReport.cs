using System.Collections.Concurrent;
using System.Diagnostics;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Inspection;

namespace FlowCut.Kernels;

/// <summary>What one variant of a kernel needs on one architecture.</summary>
/// <param name="Kernel">The entry point.</param>
/// <param name="Source">Path below kernels/.</param>
/// <param name="Config">The configuration in one line.</param>
/// <param name="Architecture">The target.</param>
/// <param name="Registers">Registers per thread.</param>
/// <param name="SpillBytes">Bytes of spill stores and loads per thread.</param>
/// <param name="StackBytes">Bytes of local memory per thread: spilled registers and local arrays.</param>
/// <param name="StaticSharedBytes">Shared memory with a fixed size.</param>
/// <param name="DynamicSharedBytes">Shared memory that the launch asks for.</param>
/// <param name="ParameterBytes">Size of the kernel's parameter.</param>
/// <param name="Milliseconds">Time of the compilation, beside others.</param>
public sealed record KernelResources(
    string Kernel, string Source, string Config, string Architecture, int Registers, int SpillBytes, int StackBytes,
    int StaticSharedBytes, int DynamicSharedBytes, int ParameterBytes, double Milliseconds);

/// <summary>Compiles every variant of every kernel, without a device, and tells what each needs.</summary>
public static class KernelReport
{
    /// <summary>The architectures that kernels are tested for.</summary>
    public static IReadOnlyList<string> Architectures => Architecture.Tested;

    /// <summary>Compiles in parallel; nothing is read from the cache or written to it.</summary>
    /// <param name="cuda">Where NVRTC comes from.</param>
    /// <param name="architectures">Targets: "sm_90a".</param>
    /// <param name="cancellationToken">Stops between two compilations.</param>
    /// <returns>One row for each kernel, variant and architecture, in this order.</returns>
    /// <exception cref="ArgumentException">Not a supported architecture.</exception>
    /// <exception cref="CudaNotAvailableException">NVRTC is not there; the message lists what was tried.</exception>
    /// <exception cref="DeviceNotSupportedException">This NVRTC does not know an architecture.</exception>
    /// <exception cref="KernelCompilationException">A kernel does not compile.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<KernelResources> Compile(NativeCuda cuda, IReadOnlyList<string> architectures, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        ArgumentNullException.ThrowIfNull(architectures);
        foreach (var architecture in architectures) Architecture.RequireKnown(cuda.Nvrtc, architecture);
        return Compile(new ReportCompiler(cuda.Nvrtc, new KernelCache(null)), KernelRegistry.All, architectures, cancellationToken);
    }

    internal static IReadOnlyList<KernelResources> Compile(ReportCompiler compiler, IReadOnlyList<KernelDescription> variants, IReadOnlyList<string> architectures, CancellationToken cancellationToken)
    {
        // entry points of one module are compiled once
        var modules = variants.Select((v, i) => (Variant: v, Index: i)).GroupBy(v => (v.Variant.Source, v.Variant.Config)).ToArray();
        var rows = new ConcurrentBag<(int Variant, int Architecture, KernelResources Row)>();
        try
        {
            // one a core: the thread pool would take compilations for waiting and start ever more of them
            var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
            Parallel.For(0, modules.Length * architectures.Count, options, job =>
            {
                var (module, target) = (modules[job / architectures.Count], job % architectures.Count);
                var watch = Stopwatch.StartNew();
                var compiled = compiler.Compile(module.First().Variant.Resolve(), architectures[target]);
                var elapsed = watch.Elapsed.TotalMilliseconds;
                foreach (var (variant, index) in module) rows.Add((index, target, Row(variant, compiled, architectures[target], elapsed)));
            });
        }
        catch (AggregateException e) when (e.InnerException is { } first)
        {
            // the others are mostly the same mistake
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }

        return [.. rows.OrderBy(r => r.Variant).ThenBy(r => r.Architecture).Select(r => r.Row)];
    }

    private static KernelResources Row(KernelDescription variant, CompiledKernel compiled, string architecture, double milliseconds)
    {
        var kernel = CubinReader.Read(compiled.Image).FirstOrDefault(k => k.Name == variant.Entry)
            ?? throw new KernelCompilationException(variant.Source, $"The source has no entry point {variant.Entry}.", KernelCompiler.Options(architecture), "");
        var spills = AssemblerLog.Spills(compiled.Log, variant.Entry) ?? (0, 0);
        return new KernelResources(
            variant.Entry, variant.Source, variant.Summary, architecture, kernel.Registers ?? 0, spills.Stores + spills.Loads, kernel.StackFrame ?? 0,
            kernel.StaticShared, variant.SharedBytes, kernel.ParameterBytes, milliseconds);
    }
}
