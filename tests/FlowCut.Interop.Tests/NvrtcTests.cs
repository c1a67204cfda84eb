using FlowCut.Testing;

namespace FlowCut.Interop.Tests;

/// <summary>The real run-time compiler, which needs no GPU.</summary>
public class NvrtcTests
{
    private const string Scale = """
        #include "config/factor.cuh"
        extern "C" __global__ void __launch_bounds__(128) fc_scale(float* y, int n) {
          const int i = blockIdx.x * 128 + threadIdx.x;
          if (i < n) y[i] *= kFactor;
        }
        """;

    private static readonly NvrtcHeader[] Factor = [new("config/factor.cuh", "constexpr float kFactor = 2.5f;")];

    [Theory]
    [InlineData("sm_80", 80)]
    [InlineData("sm_90a", 90)]
    public void A_kernel_with_a_virtual_header_becomes_machine_code(string architecture, int expected)
    {
        var nvrtc = Load();
        using var program = nvrtc.CreateProgram(Scale, "scale.cu", Factor);
        nvrtc.CompileProgram(program, [$"--gpu-architecture={architecture}", "--no-cache", "-Xptxas=-v"]);
        var cubin = nvrtc.GetCubin(program);
        Assert.Equal("\u007fELF"u8, cubin.AsSpan(0, 4));
        Assert.Equal(190, BitConverter.ToUInt16(cubin, 18));
        // The place of the architecture in e_flags depends on the flavour of the file, which its ABI version names.
        var flags = BitConverter.ToUInt32(cubin, 48);
        Assert.Equal(expected, (int)(cubin[8] >= 8 ? flags >> 8 & 0xFF : flags & 0xFF));
        Assert.Contains("fc_scale", nvrtc.GetProgramLog(program), StringComparison.Ordinal);
        Assert.Equal(0, nvrtc.GetPtx(program)[^1]);
    }

    [Fact]
    public void Compiling_twice_gives_the_same_bytes() => Assert.Equal(Compile(Load()), Compile(Load()));

    [Fact]
    public void Several_threads_compile_at_once()
    {
        var nvrtc = Load();
        var results = new byte[8][];
        Parallel.For(0, results.Length, i => results[i] = Compile(nvrtc));
        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    [Fact]
    public void A_virtual_architecture_has_no_machine_code()
    {
        var nvrtc = Load();
        using var program = nvrtc.CreateProgram(Scale, "scale.cu", Factor);
        nvrtc.CompileProgram(program, ["--gpu-architecture=compute_80"]);
        Assert.Empty(nvrtc.GetCubin(program));
        Assert.NotEmpty(nvrtc.GetPtx(program));
    }

    [Fact]
    public void An_error_in_the_source_comes_with_file_and_line()
    {
        var nvrtc = Load();
        using var program = nvrtc.CreateProgram("__global__ void f() {\n  undeclared = 1;\n}", "wrong.cu", []);
        var e = Assert.Throws<NvrtcException>(() => nvrtc.CompileProgram(program, ["--gpu-architecture=sm_80"]));
        Assert.Equal(NvrtcResult.Compilation, e.Result);
        Assert.Equal("nvrtcCompileProgram", e.Operation);
        Assert.Contains("wrong.cu(2): error:", e.Log, StringComparison.Ordinal);
        Assert.Contains(e.Log.TrimEnd(), e.Message, StringComparison.Ordinal);
        Assert.Empty(nvrtc.GetCubin(program));
    }

    [Theory]
    [InlineData("--no-such-option")]
    [InlineData("--gpu-architecture=sm_1")]
    public void An_unknown_option_is_named(string option)
    {
        var nvrtc = Load();
        using var program = nvrtc.CreateProgram("", "empty.cu", []);
        var e = Assert.Throws<NvrtcException>(() => nvrtc.CompileProgram(program, [option]));
        Assert.Equal(NvrtcResult.InvalidOption, e.Result);
        Assert.Contains(option[..16], e.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_is_released_once_and_then_refused()
    {
        var nvrtc = Load();
        var program = nvrtc.CreateProgram(Scale, "scale.cu", Factor);
        program.Dispose();
        program.Dispose();
        Assert.Throws<ObjectDisposedException>(() => nvrtc.CompileProgram(program, []));
    }

    [Fact]
    public void What_the_compiler_says_of_itself_is_told()
    {
        var nvrtc = Load();
        Assert.InRange(nvrtc.Version().Major, 12, 13);
        Assert.Contains(90, nvrtc.GetSupportedArchs());
        Assert.Equal("NVRTC_ERROR_COMPILATION", nvrtc.GetErrorString(NvrtcResult.Compilation));
        Assert.Empty(nvrtc.MissingEntryPoints);
        Assert.StartsWith(CudaReference.RequireNvrtc(), nvrtc.LibraryPath, StringComparison.Ordinal);
    }

    [Fact]
    public void A_compiler_whose_builtins_are_missing_is_refused_with_what_was_looked_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a loaded library cannot be deleted on Windows");
        var folder = Directory.CreateTempSubdirectory("flowcut-nvrtc-");
        try
        {
            const string Name = "libnvrtc.so.13";
            File.CreateSymbolicLink(Path.Combine(folder.FullName, Name), Path.Combine(CudaReference.RequireNvrtc(), Name));
            var e = Assert.Throws<CudaNotAvailableException>(() => LoadFrom(folder.FullName));
            Assert.Contains(Path.Combine(folder.FullName, "libnvrtc-builtins.so.13.0"), e.Message, StringComparison.Ordinal);
            Assert.Contains("no such file", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_not_a_library_is_reported_in_the_loaders_words()
    {
        var folder = Directory.CreateTempSubdirectory("flowcut-nvrtc-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, NativeLibraryKind.Nvrtc.FileName(13, OperatingSystem.IsWindows())), "not a library");
            var e = Assert.Throws<CudaNotAvailableException>(() => LoadFrom(folder.FullName));
            Assert.NotEqual("no such file", e.Attempts[0].Outcome);
            Assert.DoesNotContain("LD_DEBUG", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static byte[] Compile(NvrtcApi nvrtc)
    {
        using var program = nvrtc.CreateProgram(Scale, "scale.cu", Factor);
        nvrtc.CompileProgram(program, ["--gpu-architecture=sm_86", "--no-cache"]);
        return nvrtc.GetCubin(program);
    }

    private static NvrtcApi Load() => LoadFrom(CudaReference.RequireNvrtc());

    private static NvrtcApi LoadFrom(string folder)
    {
        var machine = new NamedFolderMachine(folder);
        return new NvrtcApi(new LibraryResolver(machine, SystemLoader.Instance).Load(NativeLibraryKind.Nvrtc, null));
    }

    /// <summary>This machine with the override variable set, which a process cannot do for itself without disturbing other tests.</summary>
    private sealed class NamedFolderMachine(string folder) : IMachine
    {
        public bool IsWindows => ThisMachine.Instance.IsWindows;

        public string? Variable(string name) => name == LibraryCandidates.OverrideVariable ? folder : null;

        public bool FileExists(string path) => ThisMachine.Instance.FileExists(path);

        public bool FolderExists(string path) => ThisMachine.Instance.FolderExists(path);

        public IReadOnlyList<string> Folders(string parent, string pattern) => ThisMachine.Instance.Folders(parent, pattern);
    }
}
