using FlowCut.Interop;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Tests.Compilation;

public class KernelCompilerTests
{
    private static readonly KernelSource s_good = new(
        "test/scale.cu", "#include \"config/scale.cuh\"\nextern \"C\" __global__ void __launch_bounds__(128) fc_scale(float* x) { x[threadIdx.x] *= kFactor; }\n",
        [new NvrtcHeader("config/scale.cuh", "constexpr float kFactor = 2.0f;\n")]);

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void A_source_becomes_machine_code_and_a_report(string architecture)
    {
        var compiled = new KernelCompiler(Nvrtc.Require().Nvrtc).Compile(s_good, architecture);
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F'], compiled.Image[..4]);
        Assert.Contains("Function properties for fc_scale", compiled.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_compile_at_once_and_get_the_same_bytes()
    {
        var compiler = new KernelCompiler(Nvrtc.Require().Nvrtc);
        var images = new byte[8][];
        Parallel.For(0, images.Length, i => images[i] = compiler.Compile(s_good, "sm_86").Image);
        Assert.All(images, image => Assert.Equal(images[0], image));
    }

    [Fact]
    public void A_mistake_comes_back_with_log_options_and_numbered_source()
    {
        var compiler = new KernelCompiler(Nvrtc.Require().Nvrtc);
        var bad = s_good with { Text = "#include \"config/scale.cuh\"\n\nextern \"C\" __global__ void fc_scale(float* x) { x[0] = kMissing; }\n" };
        var e = Assert.Throws<KernelCompilationException>(() => compiler.Compile(bad, "sm_80"));
        Assert.Contains("test/scale.cu(3)", e.Log, StringComparison.Ordinal);
        Assert.Contains("kMissing", e.Log, StringComparison.Ordinal);
        Assert.Contains("--gpu-architecture=sm_80", e.Options);
        Assert.Contains("    3  extern \"C\" __global__", e.NumberedSource, StringComparison.Ordinal);
        Assert.Contains("constexpr float kFactor", e.NumberedSource, StringComparison.Ordinal);
        Assert.Contains("test/scale.cu for sm_80", e.Message, StringComparison.Ordinal);
        Assert.IsType<NvrtcException>(e.InnerException);
    }

    [Fact]
    public void An_include_that_was_not_given_is_a_mistake_too()
    {
        var compiler = new KernelCompiler(Nvrtc.Require().Nvrtc);
        var e = Assert.Throws<KernelCompilationException>(() => compiler.Compile(s_good with { Headers = [] }, "sm_80"));
        Assert.Contains("config/scale.cuh", e.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void An_architecture_that_this_compiler_does_not_know_is_refused_with_those_it_knows()
    {
        var compiler = new KernelCompiler(Nvrtc.Require().Nvrtc);
        Assert.Contains("sm_90a", Assert.Throws<ArgumentException>(() => compiler.Compile(s_good, "sm_75")).Message, StringComparison.Ordinal);
        Assert.Contains("9.0", Assert.Throws<DeviceNotSupportedException>(() => Architecture.Of(7, 5)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_compiler_is_identified_by_more_than_its_version() =>
        Assert.Matches(@"^nvrtc \d+\.\d+, .*nvrtc.*, \d+ bytes, [0-9a-f]+$", new KernelCompiler(Nvrtc.Require().Nvrtc).Identity);
}
