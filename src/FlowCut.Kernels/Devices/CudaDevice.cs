using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>A device of the driver (or of the simulator), by its ordinal.</summary>
public sealed class CudaDevice
{
    private readonly Lazy<DeviceInfo> _info;

    private CudaDevice(NativeCuda cuda, int ordinal, int handle)
    {
        (Cuda, Ordinal, Handle) = (cuda, ordinal, handle);
        _info = new Lazy<DeviceInfo>(() => DeviceQuery.Read(cuda.Driver, handle));
    }

    /// <summary>The native libraries through which the device is reached.</summary>
    public NativeCuda Cuda { get; }

    /// <summary>Number of the device, from 0, as CUDA_VISIBLE_DEVICES leaves it.</summary>
    public int Ordinal { get; }

    /// <summary>The driver's CUdevice.</summary>
    public int Handle { get; }

    /// <summary>Its limits and sizes, read once.</summary>
    /// <exception cref="CudaException">The driver refuses to tell.</exception>
    public DeviceInfo Info => _info.Value;

    /// <summary>Number of devices.</summary>
    /// <exception cref="CudaNotAvailableException">There is no driver library; the message lists what was tried.</exception>
    /// <exception cref="CudaException">The driver does not start, for instance because there is no device.</exception>
    public static int Count(NativeCuda cuda)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        return cuda.Driver.DeviceGetCount();
    }

    /// <summary>The device with a number.</summary>
    /// <exception cref="CudaNotAvailableException">There is no driver library; the message lists what was tried.</exception>
    /// <exception cref="CudaException">The driver does not start.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device; the message says how many there are.</exception>
    public static CudaDevice Open(NativeCuda cuda, int ordinal = 0)
    {
        ArgumentNullException.ThrowIfNull(cuda);
        var driver = cuda.Driver;
        var count = driver.DeviceGetCount();
        if (ordinal < 0 || ordinal >= count)
        {
            var numbers = count switch { 0 => "there is no device", 1 => "the only device is number 0", _ => $"devices are 0 to {count - 1}" };
            throw new ArgumentOutOfRangeException(nameof(ordinal), ordinal, $"There is no CUDA device {ordinal}: {numbers}.");
        }

        return new CudaDevice(cuda, ordinal, driver.DeviceGet(ordinal));
    }

    /// <summary>All devices, in the driver's order.</summary>
    /// <exception cref="CudaNotAvailableException">There is no driver library; the message lists what was tried.</exception>
    /// <exception cref="CudaException">The driver does not start.</exception>
    public static IReadOnlyList<CudaDevice> All(NativeCuda cuda)
    {
        var devices = new CudaDevice[Count(cuda)];
        for (var i = 0; i < devices.Length; i++) devices[i] = Open(cuda, i);
        return devices;
    }

    /// <summary>The context that this process's other users of the device (cuBLAS, PyTorch, the CUDA runtime) share; kept alive until it is disposed of.</summary>
    /// <exception cref="CudaException">The context cannot be created.</exception>
    public CudaContext RetainPrimaryContext() => CudaContext.RetainPrimary(this);

    /// <summary>"0: NVIDIA H100 (sm_90a)".</summary>
    public override string ToString() => $"{Ordinal}: {Info.Name} ({(Info.IsSupported ? Info.Architecture : $"compute capability {Info.Major}.{Info.Minor}, not supported")})";
}
