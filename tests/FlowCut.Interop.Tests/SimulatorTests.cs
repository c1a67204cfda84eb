using FlowCut.Testing;

namespace FlowCut.Interop.Tests;

/// <summary>The bindings over a library that really exports the entry points: the simulator, where it has been built. Its state is one per process.</summary>
[Collection(nameof(SimulatorTests))]
public sealed class SimulatorTests
{
    private readonly NativeCuda _cuda = NativeCuda.Simulator(CudaReference.RequireSimulator());

    public SimulatorTests() => _cuda.SimulatorControl.Reset(seed: 1);

    [Fact]
    public void Every_entry_point_is_there()
    {
        Assert.Empty(_cuda.Driver.MissingEntryPoints);
        Assert.Empty(_cuda.Nvrtc.MissingEntryPoints);
        Assert.Empty(_cuda.CublasLt.MissingEntryPoints);
    }

    [Fact]
    public void The_report_describes_the_device()
    {
        _cuda.SimulatorControl.SetDevice(0, new Version(8, 6), 8L << 30, "Paper");
        var report = _cuda.Probe();
        var device = Assert.Single(report.Devices);
        Assert.Equal(new DeviceReport(0, "Paper", new Version(8, 6), 8L << 30), device);
        Assert.Contains("Device 0: Paper, compute capability 8.6, 8.0 GiB", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_device_the_report_says_so()
    {
        _cuda.SimulatorControl.SetDeviceCount(0);
        var report = _cuda.Probe();
        Assert.Contains("CUDA_ERROR_NO_DEVICE", report.Driver.Problem, StringComparison.Ordinal);
        Assert.False(report.IsUsable);
    }

    [Fact]
    public void Everything_from_compilation_to_graphs_works()
    {
        var results = DriverScenario.Run(_cuda);
        Assert.Equal(DriverScenario.Expected, results);
        Assert.Empty(_cuda.SimulatorControl.Violations());
        Assert.Empty(_cuda.SimulatorControl.Leaks());
    }

    [Fact]
    public void A_matrix_product_works()
    {
        Assert.Equal(CublasLtScenario.Expected, CublasLtScenario.Run(_cuda));
        Assert.Empty(_cuda.SimulatorControl.Violations());
        Assert.Empty(_cuda.SimulatorControl.Leaks());
    }

    [Fact]
    public void Whichever_call_fails_the_exception_names_it_and_nothing_is_left_behind()
    {
        // The front door has called the first three before, messages call the fourth; a program whose release is refused is lost, as nobody could try again.
        string[] elsewhere = ["cuInit", "cuDriverGetVersion", "nvrtcVersion", "cuGetErrorString", "nvrtcDestroyProgram"];
        FailEachInTurn(DriverScenario.Run, DriverFunctions.Symbols.ToArray().Concat(NvrtcFunctions.Symbols.ToArray()).Except(elsewhere), atLeast: 50);
    }

    [Fact]
    public void Whichever_call_of_a_matrix_product_fails_the_exception_names_it_and_nothing_is_left_behind()
    {
        // These return no status.
        string[] infallible = ["cublasLtGetVersion", "cublasLtGetStatusString"];
        FailEachInTurn(CublasLtScenario.Run, CublasLtFunctions.Symbols.ToArray().Except(infallible), atLeast: 15);
    }

    private void FailEachInTurn(Func<NativeCuda, float[]> scenario, IEnumerable<string> symbols, int atLeast)
    {
        scenario(_cuda);
        var used = symbols.Select(symbol => (Symbol: symbol, Count: (int)_cuda.SimulatorControl.CallCount(symbol))).Where(entry => entry.Count > 0).ToArray();
        Assert.True(used.Length >= atLeast, $"only {used.Length} entry points were used");
        foreach (var (symbol, count) in used)
        {
            foreach (var occurrence in new[] { 1, count }.Distinct()) FailOnce(scenario, symbol, occurrence);
        }
    }

    private void FailOnce(Func<NativeCuda, float[]> scenario, string symbol, int occurrence)
    {
        var what = $"call {occurrence} of {symbol}";
        var simulator = _cuda.SimulatorControl;
        simulator.Reset(seed: 1);
        simulator.FailCall(symbol, occurrence, ErrorOf(symbol));
        var e = Record.Exception(() => scenario(_cuda));
        if (e is null) Assert.True(IsRelease(symbol), $"{what} failed and nobody noticed.");
        else Assert.Equal(symbol, Assert.IsType<NativeCudaException>(e, exactMatch: false).Operation);
        Assert.True(simulator.Leaks().Length == 0, $"{what} failed and left behind: {simulator.Leaks()}");
        Assert.True(simulator.Violations().Length == 0, $"{what} failed and led to: {simulator.Violations()}");
    }

    private static int ErrorOf(string symbol) =>
        symbol.StartsWith("cublas", StringComparison.Ordinal) ? (int)CublasStatus.InternalError
        : symbol.StartsWith("nvrtc", StringComparison.Ordinal) ? (int)NvrtcResult.InternalError : (int)CudaResult.OperatingSystem;

    /// <summary>Calls that owners make when they are disposed, which never throws.</summary>
    private static bool IsRelease(string symbol) =>
        symbol.Contains("Destroy", StringComparison.Ordinal) || symbol.Contains("Unload", StringComparison.Ordinal) || symbol.Contains("Unregister", StringComparison.Ordinal)
        || symbol is "cuMemFree_v2" or "cuMemFreeHost" or "cuDevicePrimaryCtxRelease_v2" or "cuCtxGetCurrent";
}
