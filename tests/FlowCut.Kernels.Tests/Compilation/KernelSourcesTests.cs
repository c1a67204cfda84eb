using System.Text.RegularExpressions;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Inspection;

namespace FlowCut.Kernels.Tests.Compilation;

public partial class KernelSourcesTests
{
    [Fact]
    public void A_source_brings_everything_that_it_includes_and_the_configuration_it_is_given()
    {
        var source = KernelSources.Resolve("transformer/rms_norm.cu", "config/rms_norm.cuh", "#include \"fc/warp.cuh\"\n// given");
        var names = source.Headers.Select(h => h.Name).ToArray();
        Assert.Contains("fc/types.cuh", names);
        Assert.Contains("fc/ptx.cuh", names);
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.EndsWith("// given", source.Headers.Single(h => h.Name == "config/rms_norm.cuh").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        Assert.Contains("transformer/none.cu", Assert.Throws<ArgumentException>(() => KernelSources.Read("transformer/none.cu")).Message, StringComparison.Ordinal);
        var e = Assert.Throws<ArgumentException>(() => KernelSources.Resolve("transformer/rms_norm.cu", "config/rms_norm.cuh", "#include \"fc/none.cuh\"\n"));
        Assert.Contains("fc/none.cuh", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_entry_point_has_variants()
    {
        var listed = KernelRegistry.All.Select(v => (v.Source, v.Entry)).ToHashSet();
        var written = KernelSources.Names.Where(n => n.EndsWith(".cu", StringComparison.Ordinal))
            .SelectMany(n => EntryPoint().Matches(KernelSources.Read(n)).Select(m => (n, m.Groups[1].Value)));
        Assert.Equal([], written.Where(entry => !listed.Contains(entry)));
    }

    [Fact]
    public void Every_variant_has_an_entry_point_a_default_configuration_and_is_listed_once()
    {
        foreach (var variant in KernelRegistry.All)
        {
            Assert.Contains(EntryPoint().Matches(KernelSources.Read(variant.Source)), m => m.Groups[1].Value == variant.Entry);
            Assert.Contains(variant.ConfigName, KernelSources.Names);
        }

        Assert.Equal(KernelRegistry.All.Count, KernelRegistry.All.Distinct().Count());
    }

    /// <summary>Device code has to compile in NVRTC, which has no headers, and in the simulator, which replaces one file.</summary>
    [Fact]
    public void Sources_include_only_the_vocabulary_and_their_configuration_and_keep_assembly_in_one_file()
    {
        foreach (var name in KernelSources.Names)
        {
            var text = KernelSources.Read(name);
            Assert.DoesNotMatch(ForeignInclude(), text);
            if (name == "fc/ptx.cuh") continue;
            Assert.DoesNotMatch(Assembly(), text);
        }
    }

    [GeneratedRegex(@"^extern ""C"" __global__ .*\b(fc_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex EntryPoint();

    [GeneratedRegex(@"^\s*#\s*include\s+(?!""(fc|config)/)", RegexOptions.Multiline)]
    private static partial Regex ForeignInclude();

    [GeneratedRegex(@"\basm\b|\b__shared__\b")]
    private static partial Regex Assembly();
}
