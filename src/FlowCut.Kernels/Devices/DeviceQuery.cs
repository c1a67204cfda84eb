using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>Reads <see cref="DeviceInfo"/> from the driver.</summary>
internal static class DeviceQuery
{
    public static DeviceInfo Read(DriverApi driver, int device)
    {
        int Attribute(DeviceAttribute attribute) => driver.DeviceGetAttribute(attribute, device);
        return new DeviceInfo
        {
            Name = driver.DeviceGetName(device),
            Uuid = driver.DeviceGetUuid(device),
            Major = Attribute(DeviceAttribute.ComputeCapabilityMajor),
            Minor = Attribute(DeviceAttribute.ComputeCapabilityMinor),
            Multiprocessors = Attribute(DeviceAttribute.MultiprocessorCount),
            SharedMemoryPerBlock = Attribute(DeviceAttribute.MaxSharedMemoryPerBlockOptin),
            SharedMemoryPerMultiprocessor = Attribute(DeviceAttribute.MaxSharedMemoryPerMultiprocessor),
            L2Bytes = Attribute(DeviceAttribute.L2CacheSize),
            MemoryBytes = (long)driver.DeviceTotalMem(device),
            MaxThreadsPerBlock = Attribute(DeviceAttribute.MaxThreadsPerBlock),
            MaxThreadsPerMultiprocessor = Attribute(DeviceAttribute.MaxThreadsPerMultiprocessor),
            RegistersPerMultiprocessor = Attribute(DeviceAttribute.MaxRegistersPerMultiprocessor),
            MaxGridX = Attribute(DeviceAttribute.MaxGridDimX),
            MaxGridY = Attribute(DeviceAttribute.MaxGridDimY),
            MaxGridZ = Attribute(DeviceAttribute.MaxGridDimZ),
            SupportsMemoryPools = Attribute(DeviceAttribute.MemoryPoolsSupported) != 0,
        };
    }
}
