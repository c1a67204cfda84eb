using System.Globalization;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Inspection;
using FlowCut.Kernels.Tests.Compilation;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Inspection;

/// <summary>
/// Every variant of every kernel, compiled for real for every architecture. What each needs is kept in a table, so that a change
/// shows in review: FLOWCUT_REGENERATE=1 writes the table anew.
/// </summary>
public class KernelResourcesTests
{
    private static readonly string s_table = Path.Combine(Goldens.Repository, "tests", "FlowCut.Kernels.Tests", "kernel-resources.tsv");
    /// <summary>
    /// Kernels whose registers NVRTC 13 does not allot alike each time that it compiles the same source (108 to 110 and 110 to 113 were
    /// seen on sm_90a). What counts is <see cref="VaryingLimit"/>, and that nothing is spilled.
    /// </summary>
    private static readonly HashSet<string> s_varying = ["fc_pairwise", "fc_nearest_rows"];

    /// <summary>Registers that let two blocks of 256 threads share a multiprocessor, as their launch bounds ask.</summary>
    private const int VaryingLimit = 128;

    private static readonly Lazy<IReadOnlyList<KernelResources>> s_report = new(Compile);

    /// <summary>Some two thousand compilations: minutes the first time, and after that only what has changed.</summary>
    private static IReadOnlyList<KernelResources> Compile()
    {
        var kept = new KernelCache(Path.Combine(Goldens.Repository, "artifacts", "kernel-report"), maxBytes: 1L << 30);
        return KernelReport.Compile(new ReportCompiler(Nvrtc.Require().Nvrtc, kept), KernelRegistry.All, KernelReport.Architectures, TestContext.Current.CancellationToken);
    }

    private static IReadOnlyList<KernelResources> Report()
    {
        Nvrtc.Require();
        return s_report.Value;
    }

    [Fact]
    public void What_is_kept_comes_back_whole()
    {
        // the log of a real compiler has zero bytes in it
        var compiled = new CompiledKernel([127, 69, 0, 1], "ptxas info\0: ünd so\n\0");
        var again = ReportCompiler.Unpack(ReportCompiler.Pack(compiled));
        Assert.Equal(compiled.Image, again.Image);
        Assert.Equal(compiled.Log, again.Log);
    }

    [Fact]
    public void Every_variant_compiles_for_every_architecture() =>
        Assert.Equal(KernelRegistry.All.Count * KernelReport.Architectures.Count, Report().Count);

    [Fact]
    public void Nothing_is_spilled() =>
        Assert.Equal([], Report().Where(r => r.SpillBytes > 0).Select(Describe));

    [Fact]
    public void Shared_memory_fits_the_devices_of_the_architecture() =>
        Assert.Equal([], Report().Where(r => r.StaticSharedBytes > 0).Select(Describe));

    [Fact]
    public void Every_kernel_has_one_parameter_that_fits() => Assert.All(Report(), r => Assert.InRange(r.ParameterBytes, 1, 4096));

    [Fact]
    public void Registers_and_shared_memory_are_those_of_the_table()
    {
        string[] lines = ["kernel\tconfig\tshared\tregisters on " + string.Join(' ', KernelReport.Architectures), .. Report().GroupBy(r => (r.Kernel, r.Source, r.Config)).Select(Line)];
        if (Environment.GetEnvironmentVariable("FLOWCUT_REGENERATE") == "1") File.WriteAllLines(s_table, lines);
        Assert.True(File.Exists(s_table), "kernel-resources.tsv is missing: run this test with FLOWCUT_REGENERATE=1");
        var expected = File.ReadAllLines(s_table);
        var changed = lines.Except(expected).Select(l => "+ " + l).Concat(expected.Except(lines).Select(l => "- " + l)).ToArray();
        Assert.True(changed.Length == 0, "What kernels need has changed. If that is meant, run this test with FLOWCUT_REGENERATE=1:\n" + string.Join('\n', changed));
    }

    private static string Line(IEnumerable<KernelResources> variant)
    {
        var rows = variant.ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"{rows[0].Kernel}\t{rows[0].Config}\t{rows[0].DynamicSharedBytes}\t{string.Join(' ', rows.Select(Registers))}");
    }

    private static string Registers(KernelResources row) => s_varying.Contains(row.Kernel) && row.Registers <= VaryingLimit
        ? string.Create(CultureInfo.InvariantCulture, $"<={VaryingLimit}")
        : row.Registers.ToString(CultureInfo.InvariantCulture);

    private static string Describe(KernelResources row) => $"{row.Kernel} {row.Config} {row.Architecture}: {row.SpillBytes} bytes spilled, {row.StaticSharedBytes} bytes static shared memory";
}
