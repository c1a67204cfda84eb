namespace FlowCut.Interop;

/// <summary>Property of a device: those that choosing, describing and planning for one needs (<c>CUdevice_attribute</c>).</summary>
public enum DeviceAttribute
{
    MaxThreadsPerBlock = 1,
    MaxBlockDimX = 2,
    MaxBlockDimY = 3,
    MaxBlockDimZ = 4,
    MaxGridDimX = 5,
    MaxGridDimY = 6,
    MaxGridDimZ = 7,
    /// <summary>In bytes, without opting in (48 KiB).</summary>
    MaxSharedMemoryPerBlock = 8,
    /// <summary>In bytes.</summary>
    TotalConstantMemory = 9,
    WarpSize = 10,
    MaxRegistersPerBlock = 12,
    /// <summary>Peak clock in kHz.</summary>
    ClockRate = 13,
    MultiprocessorCount = 16,
    KernelExecTimeout = 17,
    Integrated = 18,
    CanMapHostMemory = 19,
    ComputeMode = 20,
    ConcurrentKernels = 31,
    EccEnabled = 32,
    PciBusId = 33,
    PciDeviceId = 34,
    TccDriver = 35,
    /// <summary>Peak memory clock in kHz.</summary>
    MemoryClockRate = 36,
    /// <summary>In bits.</summary>
    GlobalMemoryBusWidth = 37,
    /// <summary>In bytes.</summary>
    L2CacheSize = 38,
    MaxThreadsPerMultiprocessor = 39,
    AsyncEngineCount = 40,
    UnifiedAddressing = 41,
    PciDomainId = 50,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    StreamPrioritiesSupported = 78,
    GlobalL1CacheSupported = 79,
    /// <summary>In bytes.</summary>
    MaxSharedMemoryPerMultiprocessor = 81,
    MaxRegistersPerMultiprocessor = 82,
    ManagedMemory = 83,
    MultiGpuBoard = 84,
    SingleToDoublePrecisionPerfRatio = 87,
    PageableMemoryAccess = 88,
    ComputePreemptionSupported = 90,
    CanUseHostPointerForRegisteredMem = 91,
    CooperativeLaunch = 95,
    /// <summary>In bytes, for kernels whose <see cref="FunctionAttribute.MaxDynamicSharedSizeBytes"/> is raised.</summary>
    MaxSharedMemoryPerBlockOptin = 97,
    HostRegisterSupported = 99,
    VirtualMemoryManagementSupported = 102,
    MaxBlocksPerMultiprocessor = 106,
    GenericCompressionSupported = 107,
    /// <summary>In bytes.</summary>
    MaxPersistingL2CacheSize = 108,
    /// <summary>In bytes.</summary>
    MaxAccessPolicyWindowSize = 109,
    /// <summary>In bytes: what the driver keeps of each block's share.</summary>
    ReservedSharedMemoryPerBlock = 111,
    MemoryPoolsSupported = 115,
    ClusterLaunch = 120,
    MemSyncDomainCount = 126,
    TensorMapAccessSupported = 127,
}
