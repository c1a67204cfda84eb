namespace FlowCut.Interop;

/// <summary>Asks every library for everything that it can tell without a context.</summary>
internal static class NativeProbe
{
    public static ProbeReport Run(NativeCuda cuda)
    {
        var devices = new List<DeviceReport>();
        var driver = OfDriver(cuda, devices);
        var nvrtc = Of(NativeLibraryKind.Nvrtc, () => cuda.Nvrtc, api => api.Library, api => api.MissingEntryPoints, api => api.Version().ToString());
        var cublasLt = Of(NativeLibraryKind.CublasLt, () => cuda.CublasLt, api => api.Library, api => api.MissingEntryPoints, api => api.GetVersion().ToString());
        return new ProbeReport(cuda.Origin, driver, nvrtc, cublasLt, devices);
    }

    private static LibraryReport OfDriver(NativeCuda cuda, List<DeviceReport> devices)
    {
        var report = Of(NativeLibraryKind.Driver, cuda.LoadDriver, api => api.Library, api => api.MissingEntryPoints, DriverVersion);
        if (report.Problem is not null) return report;
        try
        {
            var driver = cuda.Driver;
            for (var ordinal = 0; ordinal < driver.DeviceGetCount(); ordinal++) devices.Add(OfDevice(driver, ordinal));
            return devices.Count > 0 ? report : report with { Problem = new CudaException(CudaResult.NoDevice, "cuDeviceGetCount").Message };
        }
        catch (Exception e) when (IsAnswer(e))
        {
            return report with { Problem = e.Message };
        }
    }

    private static LibraryReport Of<TApi>(
        NativeLibraryKind kind, Func<TApi> load, Func<TApi, LoadedLibrary> library, Func<TApi, IReadOnlyList<string>> missing, Func<TApi, string> version)
    {
        TApi api;
        try
        {
            api = load();
        }
        catch (CudaNotAvailableException e)
        {
            return new LibraryReport(kind.DisplayName(), null, null, e.Attempts, [], e.Advice);
        }
        catch (NativeCudaException e)
        {
            return new LibraryReport(kind.DisplayName(), null, null, [], [], e.Message);
        }

        var report = new LibraryReport(kind.DisplayName(), library(api).Path, null, library(api).Attempts, missing(api), null);
        try
        {
            return report with { Version = version(api) };
        }
        catch (Exception e) when (IsAnswer(e))
        {
            return report with { Problem = e.Message };
        }
    }

    /// <summary>What a library that is broken, or not what it says, makes of a question.</summary>
    private static bool IsAnswer(Exception e) => e is NativeCudaException or ArgumentException or OverflowException;

    private static DeviceReport OfDevice(DriverApi driver, int ordinal)
    {
        var device = driver.DeviceGet(ordinal);
        var capability = new Version(
            driver.DeviceGetAttribute(DeviceAttribute.ComputeCapabilityMajor, device), driver.DeviceGetAttribute(DeviceAttribute.ComputeCapabilityMinor, device));
        return new DeviceReport(ordinal, driver.DeviceGetName(device), capability, checked((long)driver.DeviceTotalMem(device)));
    }

    private static string DriverVersion(DriverApi driver)
    {
        var version = driver.DriverGetVersion();
        return $"supports CUDA {version / 1000}.{version % 1000 / 10}";
    }
}
