namespace FlowCut.Interop;

/// <summary>
/// The native libraries of one origin: this machine's CUDA, or a simulator. Each library is loaded when it is first asked for, and
/// never before; a failure is not remembered, so that a later attempt can succeed. All members may be used from any thread.
/// </summary>
public sealed class NativeCuda
{
    private readonly Lock _lock = new();
    private readonly LibraryResolver _resolver;
    private readonly LibraryCandidate? _simulator;
    private DriverApi? _loadedDriver;
    private volatile DriverApi? _driver;
    private volatile NvrtcApi? _nvrtc;
    private volatile CublasLtApi? _cublasLt;
    private volatile SimulatorApi? _simulatorApi;

    internal NativeCuda(LibraryResolver resolver, string origin, LibraryCandidate? simulator = null)
    {
        _resolver = resolver;
        _simulator = simulator;
        Origin = origin;
    }

    /// <summary>This machine's CUDA.</summary>
    public static NativeCuda System { get; } = new(new LibraryResolver(ThisMachine.Instance, SystemLoader.Instance), "this machine's CUDA");

    /// <summary>For people: "this machine's CUDA", or the simulator's file.</summary>
    public string Origin { get; }

    /// <summary>The driver, initialised.</summary>
    /// <exception cref="CudaNotAvailableException">There is no driver, or it is older than <see cref="DriverApi.MinimumVersion"/>.</exception>
    /// <exception cref="CudaException">The driver cannot be initialised: <see cref="CudaResult.NoDevice"/> where there is no device, for example.</exception>
    public DriverApi Driver
    {
        get
        {
            if (_driver is { } ready) return ready;
            lock (_lock)
            {
                if (_driver is { } other) return other;
                var driver = LoadDriver();
                RefuseOldDriver(driver);
                driver.Init();
                return _driver = driver;
            }
        }
    }

    /// <summary>The run-time compiler. It needs neither a driver nor a device; where there is a driver, one that the driver can run the code of.</summary>
    /// <exception cref="CudaNotAvailableException">There is no NVRTC that can be used.</exception>
    public NvrtcApi Nvrtc
    {
        get
        {
            if (_nvrtc is { } ready) return ready;
            lock (_lock) return _nvrtc ??= new NvrtcApi(Load(NativeLibraryKind.Nvrtc));
        }
    }

    /// <summary>Matrix products.</summary>
    /// <exception cref="CudaNotAvailableException">There is no cuBLASLt that can be used.</exception>
    public CublasLtApi CublasLt
    {
        get
        {
            if (_cublasLt is { } ready) return ready;
            lock (_lock) return _cublasLt ??= new CublasLtApi(Load(NativeLibraryKind.CublasLt));
        }
    }

    /// <summary>Control of the simulator.</summary>
    /// <exception cref="InvalidOperationException">This is not a simulator.</exception>
    /// <exception cref="CudaNotAvailableException">The simulator cannot be loaded.</exception>
    public SimulatorApi SimulatorControl
    {
        get
        {
            if (_simulatorApi is { } ready) return ready;
            if (_simulator is null) throw new InvalidOperationException($"There is no simulator to control: this is {Origin}.");
            lock (_lock) return _simulatorApi ??= new SimulatorApi(Load(NativeLibraryKind.Simulator));
        }
    }

    /// <summary>A simulator: one shared library that exports the entry points of driver, NVRTC and cuBLASLt. Every call returns an object of its own; the library is loaded once per process.</summary>
    /// <param name="libraryPath">The library's file.</param>
    public static NativeCuda Simulator(string libraryPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(libraryPath);
        var path = Path.GetFullPath(libraryPath);
        return new NativeCuda(new LibraryResolver(ThisMachine.Instance, SystemLoader.Instance), path, new LibraryCandidate(path, "the simulator", 0, true));
    }

    /// <summary>Tries everything and tells what came of it: every name, the loader's words, versions, missing entry points, devices. Never throws.</summary>
    public ProbeReport Probe() => NativeProbe.Run(this);

    /// <summary>The driver without initialisation, which needs a device.</summary>
    internal DriverApi LoadDriver()
    {
        lock (_lock) return _loadedDriver ??= new DriverApi(Load(NativeLibraryKind.Driver));
    }

    private LoadedLibrary Load(NativeLibraryKind kind)
    {
        if (_simulator is not null) return _resolver.LoadSimulated(kind, _simulator);
        return _resolver.Load(kind, kind == NativeLibraryKind.Driver ? null : DriverVersion());
    }

    /// <summary>What the driver supports; null where there is no driver: then nothing limits the other libraries.</summary>
    private int? DriverVersion()
    {
        try
        {
            return LoadDriver().DriverGetVersion();
        }
        catch (NativeCudaException)
        {
            return null;
        }
    }

    private static void RefuseOldDriver(DriverApi driver)
    {
        var version = driver.DriverGetVersion();
        if (version >= DriverApi.MinimumVersion) return;
        throw new CudaNotAvailableException(NativeLibraryKind.Driver.DisplayName(), driver.Library.Attempts,
            $"The installed one supports CUDA {version / 1000}.{version % 1000 / 10}, and at least {DriverApi.MinimumVersion / 1000}.0 is needed: update the NVIDIA driver.");
    }
}
