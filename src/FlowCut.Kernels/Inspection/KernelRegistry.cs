using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Inspection;

/// <summary>Every variant that a launcher may ask for: what is compiled by the tests and listed by reports.</summary>
internal static class KernelRegistry
{
    private static readonly Lazy<IReadOnlyList<KernelDescription>> s_all = new(() => [.. Collect()]);

    /// <summary>All variants, those of one source together.</summary>
    public static IReadOnlyList<KernelDescription> All => s_all.Value;

    private static IEnumerable<KernelDescription> Collect() => [];

    private static IEnumerable<KernelDescription> Of<TVariant>(IEnumerable<TVariant> variants)
        where TVariant : struct, IKernelVariant<TVariant> => variants.Select(KernelDescription.Of);
}
