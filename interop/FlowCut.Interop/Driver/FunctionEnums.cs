namespace FlowCut.Interop;

/// <summary>Property of a kernel (<c>CUfunction_attribute</c>).</summary>
public enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    SharedSizeBytes = 1,
    ConstSizeBytes = 2,
    LocalSizeBytes = 3,
    NumRegs = 4,
    PtxVersion = 5,
    BinaryVersion = 6,
    CacheModeCa = 7,
    MaxDynamicSharedSizeBytes = 8,
    PreferredSharedMemoryCarveout = 9,
    ClusterSizeMustBeSet = 10,
    RequiredClusterWidth = 11,
    RequiredClusterHeight = 12,
    RequiredClusterDepth = 13,
    NonPortableClusterSizeAllowed = 14,
    ClusterSchedulingPolicyPreference = 15,
}

/// <summary>Preferred split between L1 and shared memory, on devices that let one choose (<c>CUfunc_cache</c>).</summary>
public enum FunctionCache
{
    PreferNone = 0,
    PreferShared = 1,
    PreferL1 = 2,
    PreferEqual = 3,
}

/// <summary>Which member of a <see cref="LaunchAttribute"/> is set (<c>CUlaunchAttributeID</c>).</summary>
public enum LaunchAttributeId
{
    Ignore = 0,
    AccessPolicyWindow = 1,
    Cooperative = 2,
    SynchronizationPolicy = 3,
    ClusterDimension = 4,
    ClusterSchedulingPolicyPreference = 5,
    ProgrammaticStreamSerialization = 6,
    ProgrammaticEvent = 7,
    Priority = 8,
    MemSyncDomainMap = 9,
    MemSyncDomain = 10,
    PreferredClusterDimension = 11,
    LaunchCompletionEvent = 12,
    DeviceUpdatableKernelNode = 13,
    PreferredSharedMemoryCarveout = 14,
    /// <summary>CUDA 13 only.</summary>
    NvlinkUtilCentricScheduling = 16,
}
