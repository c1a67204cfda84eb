using FlowCut.Interop.Tests.Infrastructure;

namespace FlowCut.Interop.Tests;

/// <summary>The front door: nothing before it is asked for, failures with all that was tried, and the report.</summary>
[Collection(FakeCudaTests.Name)]
public class NativeCudaTests
{
    private readonly FakeLoader _loader = new();

    public NativeCudaTests() => FakeCuda.Reset();

    [Fact]
    public void Nothing_is_loaded_before_it_is_asked_for()
    {
        _ = Create();
        Assert.Empty(_loader.Asked);
    }

    [Fact]
    public void The_driver_is_loaded_and_initialised_once()
    {
        _loader.Add("libcuda.so.1", FakeCuda.Driver);
        var cuda = Create();
        var drivers = new DriverApi[16];
        Parallel.For(0, drivers.Length, i => drivers[i] = cuda.Driver);
        Assert.All(drivers, driver => Assert.Same(drivers[0], driver));
        Assert.Single(_loader.Asked);
        Assert.Single(FakeCuda.Log, "cuInit");
    }

    [Fact]
    public void A_failed_initialisation_is_an_exception_and_can_be_repeated()
    {
        _loader.Add("libcuda.so.1", FakeCuda.Driver);
        var cuda = Create();
        FakeCuda.Fail("cuInit", CudaResult.NoDevice);
        var e = Assert.Throws<CudaException>(() => cuda.Driver);
        Assert.Equal(CudaResult.NoDevice, e.Result);
        Assert.Contains("CUDA_VISIBLE_DEVICES", e.Message, StringComparison.Ordinal);
        FakeCuda.Reset();
        Assert.NotNull(cuda.Driver);
    }

    [Fact]
    public void A_driver_that_is_too_old_is_refused_with_both_versions()
    {
        _loader.Add("libcuda.so.1", FakeCuda.Driver);
        FakeCuda.DriverVersion = 11040;
        var e = Assert.Throws<CudaNotAvailableException>(() => Create().Driver);
        Assert.Contains("supports CUDA 11.4", e.Message, StringComparison.Ordinal);
        Assert.Contains("at least 12.0", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_compiler_needs_no_driver()
    {
        _loader.Add("libnvrtc.so.13", FakeCuda.Nvrtc).Add("libnvrtc-builtins.so.13.0", FakeCuda.Nvrtc);
        Assert.Equal("libnvrtc.so.13", Create().Nvrtc.LibraryPath);
    }

    [Fact]
    public void The_compiler_agrees_with_the_driver()
    {
        FakeCuda.DriverVersion = 12020;
        FakeCuda.NvrtcMajor = 12;
        _loader.Add("libcuda.so.1", FakeCuda.Driver).Add("libnvrtc.so.13", FakeCuda.Nvrtc).Add("libnvrtc.so.12", FakeCuda.Nvrtc).Add("libnvrtc-builtins.so.12.0", FakeCuda.Nvrtc);
        var cuda = Create();
        Assert.Equal("libnvrtc.so.12", cuda.Nvrtc.LibraryPath);
        Assert.Contains("the driver supports only CUDA 12.2", cuda.Probe().Nvrtc.Attempts[0].Outcome, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_of_a_machine_without_anything_says_what_was_tried_and_what_to_do()
    {
        var report = Create().Probe();
        Assert.False(report.IsUsable);
        foreach (var library in new[] { report.Driver, report.Nvrtc, report.CublasLt })
        {
            Assert.False(library.IsLoaded);
            Assert.NotEmpty(library.Attempts);
            Assert.NotNull(library.Problem);
        }

        var text = report.ToString();
        foreach (var name in _loader.Asked) Assert.Contains(name, text, StringComparison.Ordinal);
        Assert.Contains("Install the NVIDIA driver", text, StringComparison.Ordinal);
        Assert.Contains("FLOWCUT_CUDA_PATH", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_of_a_driver_without_device_says_so_and_lists_what_is_missing()
    {
        _loader.Add("libcuda.so.1", FakeCuda.Driver);
        var report = Create().Probe();
        Assert.True(report.Driver.IsLoaded);
        Assert.Contains("CUDA_ERROR_NO_DEVICE", report.Driver.Problem, StringComparison.Ordinal);
        Assert.Contains("cuLaunchKernel", report.Driver.MissingEntryPoints);
        Assert.Contains("supports CUDA 13.0", report.ToString(), StringComparison.Ordinal);
        Assert.False(report.IsUsable);
    }

    [Theory]
    [InlineData("cuInit")]
    [InlineData("cuDriverGetVersion")]
    [InlineData("cuDeviceGetCount")]
    public void The_report_never_throws(string entryPoint)
    {
        _loader.Add("libcuda.so.1", FakeCuda.Driver);
        FakeCuda.Fail(entryPoint, CudaResult.SystemDriverMismatch);
        var report = Create().Probe();
        Assert.Contains("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", report.Driver.Problem, StringComparison.Ordinal);
        Assert.Contains(report.Driver.Attempts, attempt => attempt.Succeeded);
    }

    [Fact]
    public void This_machine_can_be_asked()
    {
        var report = NativeCuda.System.Probe();
        Assert.NotEmpty(report.Driver.Attempts);
        Assert.NotEmpty(report.ToString());
        if (!report.Driver.IsLoaded) Assert.Throws<CudaNotAvailableException>(() => NativeCuda.System.Driver);
    }

    [Fact]
    public void A_simulator_is_one_file_for_everything()
    {
        var path = Path.GetFullPath("no-such-simulator.so");
        var cuda = NativeCuda.Simulator("no-such-simulator.so");
        foreach (var access in new Func<object>[] { () => cuda.Driver, () => cuda.Nvrtc, () => cuda.CublasLt })
        {
            var attempt = Assert.Single(Assert.Throws<CudaNotAvailableException>(access).Attempts);
            Assert.Equal(path, attempt.Name);
            Assert.Equal("no such file", attempt.Outcome);
        }

        Assert.Contains("interop/simulator", Assert.Throws<CudaNotAvailableException>(() => cuda.SimulatorControl).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => NativeCuda.System.SimulatorControl);
    }

    private NativeCuda Create() => new(new LibraryResolver(new FakeMachine(windows: false), _loader), "a fake machine");
}
