using FlowCut.Interop.Tests.Infrastructure;

namespace FlowCut.Interop.Tests.Loading;

/// <summary>Where libraries are looked for, and in which order.</summary>
public class LibraryCandidatesTests
{
    [Fact]
    public void The_driver_is_asked_for_by_soname_first()
    {
        Assert.Equal(["libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"], Names(NativeLibraryKind.Driver, new FakeMachine(windows: false)));
        Assert.Equal(["nvcuda.dll"], Names(NativeLibraryKind.Driver, new FakeMachine(windows: true)));
    }

    [Fact]
    public void A_machine_without_any_toolkit_leaves_the_search_to_the_loader()
    {
        Assert.Equal(["libnvrtc.so.13", "libnvrtc.so.12"], Names(NativeLibraryKind.Nvrtc, new FakeMachine(windows: false)));
        Assert.Equal(["libcublasLt.so.13", "libcublasLt.so.12"], Names(NativeLibraryKind.CublasLt, new FakeMachine(windows: false)));
        Assert.Equal(["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"], Names(NativeLibraryKind.Nvrtc, new FakeMachine(windows: true)));
        Assert.Equal(["cublasLt64_13.dll", "cublasLt64_12.dll"], Names(NativeLibraryKind.CublasLt, new FakeMachine(windows: true)));
    }

    [Fact]
    public void Places_follow_in_the_documented_order()
    {
        var machine = new FakeMachine(
            windows: false,
            "/home/me/.local/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13",
            "/opt/home/lib64/any",
            "/opt/home/targets/x86_64-linux/lib/any",
            "/opt/path/lib64/any",
            "/usr/local/cuda-12.4/lib64/any",
            "/usr/local/cuda-12.10/lib64/any",
            "/usr/local/cuda/lib64/any",
            "/venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "/venv/lib/python3.11/site-packages/nvidia/cudnn/lib/any")
        {
            Variables = { ["CUDA_HOME"] = "/opt/home", ["CUDA_PATH"] = "/opt/path", ["VIRTUAL_ENV"] = "/venv", ["HOME"] = "/home/me" },
        };
        string[] expected =
        [
            "libnvrtc.so.13", "libnvrtc.so.12",
            "/opt/home/lib64/libnvrtc.so.13", "/opt/home/lib64/libnvrtc.so.12",
            "/opt/home/targets/x86_64-linux/lib/libnvrtc.so.13", "/opt/home/targets/x86_64-linux/lib/libnvrtc.so.12",
            "/opt/path/lib64/libnvrtc.so.13", "/opt/path/lib64/libnvrtc.so.12",
            "/usr/local/cuda/lib64/libnvrtc.so.13", "/usr/local/cuda/lib64/libnvrtc.so.12",
            "/usr/local/cuda-12.10/lib64/libnvrtc.so.13", "/usr/local/cuda-12.10/lib64/libnvrtc.so.12",
            "/usr/local/cuda-12.4/lib64/libnvrtc.so.13", "/usr/local/cuda-12.4/lib64/libnvrtc.so.12",
            "/venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.13", "/venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "/home/me/.local/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13", "/home/me/.local/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.12",
        ];
        Assert.Equal(expected, Names(NativeLibraryKind.Nvrtc, machine));
    }

    [Fact]
    public void Places_on_Windows_follow_in_the_documented_order()
    {
        const string Toolkits = @"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA";
        var machine = new FakeMachine(
            windows: true,
            $@"{Toolkits}\v12.4\bin\any", $@"{Toolkits}\v13.0\bin\x64\any", @"C:\env\Lib\site-packages\nvidia\cu13\bin\x86_64\any", @"C:\env\Lib\site-packages\nvidia\cublas\bin\any")
        {
            Variables = { ["CUDA_PATH"] = $@"{Toolkits}\v12.4", ["ProgramFiles"] = @"C:\Program Files", ["VIRTUAL_ENV"] = @"C:\env" },
        };
        string[] expected =
        [
            "cublasLt64_13.dll", "cublasLt64_12.dll",
            $@"{Toolkits}\v12.4\bin\cublasLt64_13.dll", $@"{Toolkits}\v12.4\bin\cublasLt64_12.dll",
            $@"{Toolkits}\v13.0\bin\cublasLt64_13.dll", $@"{Toolkits}\v13.0\bin\cublasLt64_12.dll",
            $@"{Toolkits}\v13.0\bin\x64\cublasLt64_13.dll", $@"{Toolkits}\v13.0\bin\x64\cublasLt64_12.dll",
            @"C:\env\Lib\site-packages\nvidia\cu13\bin\cublasLt64_13.dll", @"C:\env\Lib\site-packages\nvidia\cu13\bin\cublasLt64_12.dll",
            @"C:\env\Lib\site-packages\nvidia\cu13\bin\x86_64\cublasLt64_13.dll", @"C:\env\Lib\site-packages\nvidia\cu13\bin\x86_64\cublasLt64_12.dll",
            @"C:\env\Lib\site-packages\nvidia\cublas\bin\cublasLt64_13.dll", @"C:\env\Lib\site-packages\nvidia\cublas\bin\cublasLt64_12.dll",
        ];
        Assert.Equal(expected, Names(NativeLibraryKind.CublasLt, machine));
    }

    [Theory]
    [InlineData("/private", "/private/libnvrtc.so.13")]
    [InlineData("/private/", "/private/libnvrtc.so.13")]
    [InlineData("/toolkit", "/toolkit/lib64/libnvrtc.so.13")]
    [InlineData("/toolkit12", "/toolkit12/targets/x86_64-linux/lib/libnvrtc.so.12")]
    public void A_named_folder_that_has_the_library_is_the_only_place(string named, string found)
    {
        var machine = new FakeMachine(windows: false, found, "/usr/local/cuda/lib64/libnvrtc.so.13") { Variables = { [LibraryCandidates.OverrideVariable] = named, ["CUDA_HOME"] = "/usr/local/cuda" } };
        var candidates = LibraryCandidates.For(NativeLibraryKind.Nvrtc, machine);
        Assert.All(candidates, candidate => Assert.Equal(LibraryCandidates.OverrideVariable, candidate.Place));
        Assert.Equal(found, candidates.Single(candidate => machine.FileExists(candidate.Name)).Name);
    }

    [Fact]
    public void A_named_folder_without_the_library_is_reported_and_the_others_are_searched()
    {
        var machine = new FakeMachine(windows: false, "/private/libnvrtc.so.13") { Variables = { [LibraryCandidates.OverrideVariable] = "/private" } };
        Assert.Equal(["/private/libcublasLt.so.13", "/private/libcublasLt.so.12", "libcublasLt.so.13", "libcublasLt.so.12"], Names(NativeLibraryKind.CublasLt, machine));
    }

    [Fact]
    public void A_place_that_two_variables_name_is_tried_once()
    {
        var machine = new FakeMachine(windows: false, "/usr/local/cuda/lib64/any") { Variables = { ["CUDA_HOME"] = "/usr/local/cuda", ["CUDA_PATH"] = "/usr/local/cuda" } };
        var names = Names(NativeLibraryKind.Nvrtc, machine);
        Assert.Equal(names.Distinct(), names);
        Assert.Equal(4, names.Length);
    }

    private static string[] Names(NativeLibraryKind kind, FakeMachine machine) => [.. LibraryCandidates.For(kind, machine).Select(candidate => candidate.Name)];
}
