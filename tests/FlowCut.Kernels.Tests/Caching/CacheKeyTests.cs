using FlowCut.Interop;
using FlowCut.Kernels.Caching;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Tests.Caching;

public class CacheKeyTests
{
    private static readonly KernelSource s_source = new("a/b.cu", "text", [new NvrtcHeader("config/b.cuh", "constexpr int kA = 1;"), new NvrtcHeader("fc/types.cuh", "types")]);

    private static string Key(KernelSource? source = null, string[]? options = null, string compiler = "nvrtc 13.0", string architecture = "sm_90a") =>
        CacheKey.Compute(source ?? s_source, options ?? ["-a", "-b"], compiler, architecture);

    [Fact]
    public void The_same_input_has_the_same_key() => Assert.Equal(Key(), Key(s_source with { }));

    [Fact]
    public void Everything_that_the_image_depends_on_changes_the_key()
    {
        string[] keys =
        [
            Key(),
            Key(s_source with { Name = "a/c.cu" }),
            Key(s_source with { Text = "text " }),
            Key(s_source with { Headers = [new NvrtcHeader("config/b.cuh", "constexpr int kA = 2;"), s_source.Headers[1]] }),
            Key(s_source with { Headers = [s_source.Headers[0], new NvrtcHeader("fc/types.cuh", "other")] }),
            Key(s_source with { Headers = [s_source.Headers[0], new NvrtcHeader("fc/other.cuh", "types")] }),
            Key(s_source with { Headers = [s_source.Headers[0]] }),
            Key(options: ["-b", "-a"]),
            Key(options: ["-a"]),
            Key(options: ["-a", "-b", "-c"]),
            Key(compiler: "nvrtc 12.9"),
            Key(architecture: "sm_80"),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void Text_that_moves_from_one_part_to_the_next_changes_the_key()
    {
        Assert.NotEqual(Key(options: ["-ab", "c"]), Key(options: ["-a", "bc"]));
        Assert.NotEqual(Key(s_source with { Name = "ab", Text = "c" }), Key(s_source with { Name = "a", Text = "bc" }));
        Assert.NotEqual(CacheKey.Compute("ab", "c"), CacheKey.Compute("a", "bc"));
    }

    [Fact]
    public void It_is_a_file_name() => Assert.Matches("^[0-9a-f]{64}$", Key());
}
