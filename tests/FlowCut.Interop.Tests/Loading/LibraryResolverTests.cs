using FlowCut.Interop.Tests.Infrastructure;

namespace FlowCut.Interop.Tests.Loading;

/// <summary>What becomes of the candidates.</summary>
[Collection(FakeCudaTests.Name)]
public class LibraryResolverTests
{
    public LibraryResolverTests() => FakeCuda.Reset();

    [Theory]
    [InlineData(NativeLibraryKind.Driver)]
    [InlineData(NativeLibraryKind.Nvrtc)]
    [InlineData(NativeLibraryKind.CublasLt)]
    internal void A_missing_library_is_reported_with_every_name_and_the_loaders_words(NativeLibraryKind kind)
    {
        var machine = new FakeMachine(windows: false, "/opt/lib64/any") { Variables = { ["CUDA_HOME"] = "/opt" } };
        var e = Assert.Throws<CudaNotAvailableException>(() => new LibraryResolver(machine, new FakeLoader()).Load(kind, null));
        var names = LibraryCandidates.For(kind, machine).Select(candidate => candidate.Name).ToArray();
        Assert.Equal(names, e.Attempts.Select(attempt => attempt.Name));
        Assert.All(e.Attempts, attempt => Assert.False(attempt.Succeeded));
        foreach (var name in names) Assert.Contains(name, e.Message, StringComparison.Ordinal);
        Assert.Contains("cannot open shared object file", e.Message, StringComparison.Ordinal);
        Assert.Contains(kind.Advice(), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_that_works_is_taken_and_the_rest_left_alone()
    {
        var loader = new FakeLoader().Add("libcuda.so", FakeCuda.Driver).Add("/usr/lib/wsl/lib/libcuda.so.1", FakeCuda.Driver);
        loader.Paths["libcuda.so"] = "/lib/libcuda.so.580.1";
        var library = new LibraryResolver(new FakeMachine(windows: false), loader).Load(NativeLibraryKind.Driver, null);
        Assert.Equal("/lib/libcuda.so.580.1", library.Path);
        Assert.Equal(["libcuda.so.1", "libcuda.so"], loader.Asked);
        Assert.Equal([false, true], library.Attempts.Select(attempt => attempt.Succeeded));
    }

    [Fact]
    public void A_library_of_another_kind_is_passed_over()
    {
        var loader = new FakeLoader().Add("libcuda.so.1", FakeCuda.Nvrtc).Add("libcuda.so", FakeCuda.Driver);
        var library = new LibraryResolver(new FakeMachine(windows: false), loader).Load(NativeLibraryKind.Driver, null);
        Assert.Contains("does not export 'cuInit'", library.Attempts[0].Outcome, StringComparison.Ordinal);
        Assert.Equal("libcuda.so", library.Path);
    }

    [Fact]
    public void A_major_that_the_driver_does_not_support_is_not_loaded()
    {
        FakeCuda.NvrtcMajor = 12;
        var loader = new FakeLoader().Add("libnvrtc.so.13", FakeCuda.Nvrtc).Add("libnvrtc.so.12", FakeCuda.Nvrtc).Add("libnvrtc-builtins.so.12.0", FakeCuda.Nvrtc);
        var library = new LibraryResolver(new FakeMachine(windows: false), loader).Load(NativeLibraryKind.Nvrtc, 12040);
        Assert.Equal("libnvrtc.so.12", library.Path);
        Assert.DoesNotContain("libnvrtc.so.13", loader.Asked);
        Assert.Equal("not tried: it is of CUDA 13, and the driver supports only CUDA 12.4", library.Attempts[0].Outcome);
    }

    [Fact]
    public void Builtins_are_loaded_by_full_path_from_where_the_compiler_lies()
    {
        var machine = new FakeMachine(windows: false, "/mine/libnvrtc.so.13", "/mine/libnvrtc-builtins.so.13.0") { Variables = { [LibraryCandidates.OverrideVariable] = "/mine" } };
        var loader = new FakeLoader().Add("/mine/libnvrtc.so.13", FakeCuda.Nvrtc).Add("/mine/libnvrtc-builtins.so.13.0", FakeCuda.Nvrtc);
        var library = new LibraryResolver(machine, loader).Load(NativeLibraryKind.Nvrtc, 13000);
        Assert.Equal(["/mine/libnvrtc.so.13", "/mine/libnvrtc-builtins.so.13.0"], loader.Asked);
        Assert.Equal(loader.Asked, library.Attempts.Select(attempt => attempt.Name));
    }

    [Fact]
    public void Builtins_of_a_compiler_found_by_the_loader_are_looked_for_beside_it_first()
    {
        var machine = new FakeMachine(windows: false);
        var loader = new FakeLoader().Add("libnvrtc.so.13", FakeCuda.Nvrtc).Add("libnvrtc-builtins.so.13.0", FakeCuda.Nvrtc);
        loader.Paths["libnvrtc.so.13"] = "/lib/libnvrtc.so.13.0.88";
        var library = new LibraryResolver(machine, loader).Load(NativeLibraryKind.Nvrtc, null);
        Assert.Equal(["libnvrtc.so.13", "/lib/libnvrtc-builtins.so.13.0", "libnvrtc-builtins.so.13.0"], library.Attempts.Select(attempt => attempt.Name));
        Assert.Equal([true, false, true], library.Attempts.Select(attempt => attempt.Succeeded));
    }

    [Fact]
    public void A_compiler_without_its_builtins_is_passed_over()
    {
        FakeCuda.NvrtcMajor = 13;
        var machine = new FakeMachine(windows: false, "/mine/libnvrtc.so.13") { Variables = { [LibraryCandidates.OverrideVariable] = "/mine" } };
        var e = Assert.Throws<CudaNotAvailableException>(() => new LibraryResolver(machine, new FakeLoader().Add("/mine/libnvrtc.so.13", FakeCuda.Nvrtc)).Load(NativeLibraryKind.Nvrtc, null));
        Assert.Contains("cannot compile without its builtins library", e.Message, StringComparison.Ordinal);
        Assert.Contains("/mine/libnvrtc-builtins.so.13.0 (beside NVRTC): no such file", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_compiler_that_does_not_tell_its_version_is_passed_over()
    {
        FakeCuda.NvrtcMajor = 0;
        var loader = new FakeLoader().Add("libnvrtc.so.13", FakeCuda.Nvrtc);
        var e = Assert.Throws<CudaNotAvailableException>(() => new LibraryResolver(new FakeMachine(windows: false), loader).Load(NativeLibraryKind.Nvrtc, null));
        Assert.Contains("does not tell its version: nvrtcVersion failed", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_behind_a_bare_name_is_found_by_an_address_in_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the name is glibc's");
        var library = SystemLoader.Instance.Load("libm.so.6", out _);
        Assert.NotEqual(0, library);
        Assert.Contains("libm", SystemLoader.Instance.PathOf(library, "cos"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_operating_systems_words_come_without_general_advice()
    {
        Assert.Equal(0, SystemLoader.Instance.Load("libflowcut-no-such-library.so.1", out var words));
        Assert.Contains("libflowcut-no-such-library.so.1", words, StringComparison.Ordinal);
        Assert.DoesNotContain("LD_DEBUG", words, StringComparison.Ordinal);
    }
}
