namespace FlowCut.Interop;

/// <summary>Where a pointer points (<c>CUmemorytype</c>).</summary>
public enum MemoryType
{
    Host = 1,
    Device = 2,
    Array = 3,
    Unified = 4,
}

/// <summary>What the driver knows of a pointer (<c>CUpointer_attribute</c>).</summary>
public enum PointerAttribute
{
    Context = 1,
    MemoryType = 2,
    DevicePointer = 3,
    HostPointer = 4,
    P2pTokens = 5,
    SyncMemops = 6,
    BufferId = 7,
    IsManaged = 8,
    DeviceOrdinal = 9,
    IsLegacyCudaIpcCapable = 10,
    RangeStartAddr = 11,
    RangeSize = 12,
    Mapped = 13,
    AllowedHandleTypes = 14,
    IsGpuDirectRdmaCapable = 15,
    AccessFlags = 16,
    MempoolHandle = 17,
    MappingSize = 18,
    MappingBaseAddr = 19,
    MemoryBlockId = 20,
    IsHwDecompressCapable = 21,
}

/// <summary>Setting or counter of a memory pool (<c>CUmemPool_attribute</c>).</summary>
public enum MemoryPoolAttribute
{
    ReuseFollowEventDependencies = 1,
    ReuseAllowOpportunistic = 2,
    ReuseAllowInternalDependencies = 3,
    ReleaseThreshold = 4,
    ReservedMemCurrent = 5,
    ReservedMemHigh = 6,
    UsedMemCurrent = 7,
    UsedMemHigh = 8,
}

/// <summary>Kind of memory that a pool hands out (<c>CUmemAllocationType</c>).</summary>
public enum MemoryAllocationType
{
    Invalid = 0,
    Pinned = 1,
    /// <summary>CUDA 13 only.</summary>
    Managed = 2,
}

/// <summary>Ways in which memory of a pool can be exported to other processes (<c>CUmemAllocationHandleType</c>).</summary>
[Flags]
public enum MemoryHandleTypes
{
    None = 0,
    PosixFileDescriptor = 1,
    Win32 = 2,
    Win32Kmt = 4,
    Fabric = 8,
}

/// <summary>Where memory of a pool lies (<c>CUmemLocationType</c>).</summary>
public enum MemoryLocationType
{
    Invalid = 0,
    Device = 1,
    Host = 2,
    HostNuma = 3,
    HostNumaCurrent = 4,
}

/// <summary>How page-locked host memory is allocated (<c>CU_MEMHOSTALLOC_*</c>).</summary>
[Flags]
public enum HostAllocationFlags
{
    None = 0,
    /// <summary>Page-locked for all contexts.</summary>
    Portable = 1,
    /// <summary>Visible to the device, see <see cref="DriverApi.MemHostGetDevicePointer"/>.</summary>
    DeviceMap = 2,
    /// <summary>Faster for the device to read, very slow for the host to read.</summary>
    WriteCombined = 4,
}

/// <summary>How host memory is page-locked (<c>CU_MEMHOSTREGISTER_*</c>).</summary>
[Flags]
public enum HostRegistrationFlags
{
    None = 0,
    /// <summary>Page-locked for all contexts.</summary>
    Portable = 1,
    /// <summary>Visible to the device, see <see cref="DriverApi.MemHostGetDevicePointer"/>.</summary>
    DeviceMap = 2,
    IoMemory = 4,
    /// <summary>The device only reads it: for file mappings.</summary>
    ReadOnly = 8,
}
