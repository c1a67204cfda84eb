using System.Diagnostics;
using System.Text.Json;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Inspection;
using FlowCut.Kernels.Tests.Compilation;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Inspection;

public sealed class CubinReaderTests : IDisposable
{
    private const string Source = """
        struct Args { const float* x; float* y; long long n; int k; };
        extern "C" __global__ void __launch_bounds__(96) fc_plain(const __grid_constant__ Args args) { args.y[threadIdx.x] = args.x[threadIdx.x] * args.k; }
        extern "C" __global__ void __launch_bounds__(64) fc_shared(float* y, int n, char flag) {
          __shared__ float tile[300];
          tile[threadIdx.x] = y[threadIdx.x];
          asm volatile("bar.sync 3, 64;" ::: "memory");
          y[n] = tile[(threadIdx.x + flag) % 64];
        }
        extern "C" __global__ void __launch_bounds__(1024, 2) fc_stack(float* y, int n) {
          float local[200];
          for (int i = 0; i < 200; i++) local[i] = y[i];
          for (int i = 0; i < n; i++) y[i] = local[(i * 7 + n) % 200];
        }
        struct Large { float values[1500]; };
        extern "C" __global__ void fc_large(const __grid_constant__ Large large, float* y) { y[threadIdx.x] = large.values[threadIdx.x]; }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Compile(string architecture) =>
        new KernelCompiler(Nvrtc.Require().Nvrtc).Compile(new KernelSource("test/cubin.cu", Source, Array.Empty<NvrtcHeader>()), architecture).Image;

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    [InlineData("sm_120")]
    public void It_reads_what_the_source_says(string architecture)
    {
        var kernels = CubinReader.Read(Compile(architecture));
        Assert.Equal(["fc_large", "fc_plain", "fc_shared", "fc_stack"], kernels.Select(k => k.Name));
        var (large, plain, shared, stack) = (kernels[0], kernels[1], kernels[2], kernels[3]);
        Assert.Equal([(0, 32)], plain.Parameters);
        Assert.Equal(32, plain.ParameterBytes);
        Assert.Equal(96, plain.MaxThreads);
        Assert.Equal((0, 0), (plain.StackFrame, plain.StaticShared));
        Assert.Equal([(0, 8), (8, 4), (12, 1)], shared.Parameters);
        Assert.Equal(1200, shared.StaticShared);
        Assert.True(shared.Barriers >= 1);
        Assert.True(stack.StackFrame >= 800);
        Assert.Equal([(0, 6000), (6000, 8)], large.Parameters);
        Assert.All(kernels, k => Assert.InRange(k.Registers!.Value, 4, 255));
        Assert.All(kernels, k => Assert.Equal(Architecture.Capability(architecture), k.ComputeCapability));
    }

    /// <summary>An independent reader, verified against the vendor's tools, gives the same figures.</summary>
    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_86")]
    [InlineData("sm_89")]
    [InlineData("sm_90a")]
    [InlineData("sm_100")]
    [InlineData("sm_120")]
    public void It_agrees_with_the_reference_reader(string architecture)
    {
        var image = Compile(architecture);
        var reader = CudaReference.Find("cubin_resources.py");
        Assert.SkipWhen(reader is null || OperatingSystem.IsWindows(), "cubin_resources.py is only in the complete set of reference data");
        File.WriteAllBytes(_folder.File("image.cubin"), image);
        using var python = Process.Start(new ProcessStartInfo("python3", [reader, "--json", _folder.File("image.cubin")]) { RedirectStandardOutput = true })!;
        var report = JsonDocument.Parse(python.StandardOutput.ReadToEnd()).RootElement.GetProperty(_folder.File("image.cubin"));
        python.WaitForExit();

        var kernels = CubinReader.Read(image);
        Assert.Equal(report.EnumerateObject().Select(k => k.Name).Order(StringComparer.Ordinal), kernels.Select(k => k.Name));
        foreach (var kernel in kernels)
        {
            var expected = report.GetProperty(kernel.Name);
            int? Figure(string name) => expected.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null;
            Assert.Equal(Figure("registers"), kernel.Registers);
            Assert.Equal(Figure("stack_frame"), kernel.StackFrame);
            Assert.Equal(Figure("min_stack"), kernel.MinStack);
            Assert.Equal(Figure("static_shared"), kernel.StaticShared);
            Assert.Equal(Figure("param_bytes"), kernel.ParameterBytes);
            Assert.Equal(Figure("barriers"), kernel.Barriers);
            Assert.Equal(Figure("cc"), kernel.ComputeCapability);
            Assert.Equal(expected.GetProperty("params").EnumerateArray().Select(p => (p[1].GetInt32(), p[2].GetInt32())), kernel.Parameters);
        }
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused_or_read_but_never_more_than_that()
    {
        var image = Compile("sm_90a");
        for (var length = 0; length < image.Length; length += 37)
        {
            try
            {
                CubinReader.Read(image.AsSpan(0, length));
            }
            catch (InvalidDataException)
            {
                // what a damaged file is answered with
            }
        }
    }

    [Fact]
    public void A_file_with_flipped_bytes_is_refused_or_read_but_never_more_than_that()
    {
        var image = Compile("sm_80");
        var random = new Random(1);
        for (var i = 0; i < 3000; i++)
        {
            var damaged = (byte[])image.Clone();
            for (var flips = 0; flips < 4; flips++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                CubinReader.Read(damaged);
            }
            catch (InvalidDataException)
            {
                // what a damaged file is answered with
            }
        }
    }

    [Fact]
    public void Something_else_is_refused() => Assert.Throws<InvalidDataException>(() => CubinReader.Read(new byte[100]));
}
