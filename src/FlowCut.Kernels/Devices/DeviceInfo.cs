namespace FlowCut.Kernels;

/// <summary>What plans and launches depend on. A plan is a function of shapes, types and this record, so that it can be tested without a device.</summary>
public sealed record DeviceInfo
{
    /// <summary>As the driver reports it.</summary>
    public required string Name { get; init; }

    /// <summary>Identifies the physical device (or its partition) across processes.</summary>
    public Guid Uuid { get; init; }

    /// <summary>Compute capability, the part before the point.</summary>
    public required int Major { get; init; }

    /// <summary>Compute capability, the part after the point.</summary>
    public required int Minor { get; init; }

    /// <summary>Streaming multiprocessors.</summary>
    public required int Multiprocessors { get; init; }

    /// <summary>Most bytes of dynamic shared memory that a block may ask for.</summary>
    public required int SharedMemoryPerBlock { get; init; }

    /// <summary>Bytes of shared memory that the resident blocks of a multiprocessor divide among themselves.</summary>
    public required int SharedMemoryPerMultiprocessor { get; init; }

    /// <summary>Bytes of the level-2 cache.</summary>
    public required int L2Bytes { get; init; }

    /// <summary>Bytes of device memory.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Most threads of a block.</summary>
    public int MaxThreadsPerBlock { get; init; } = 1024;

    /// <summary>Most resident threads of a multiprocessor.</summary>
    public int MaxThreadsPerMultiprocessor { get; init; } = 2048;

    /// <summary>32-bit registers of a multiprocessor.</summary>
    public int RegistersPerMultiprocessor { get; init; } = 65536;

    /// <summary>Most blocks of a grid, first dimension.</summary>
    public int MaxGridX { get; init; } = int.MaxValue;

    /// <summary>Most blocks of a grid, second dimension.</summary>
    public int MaxGridY { get; init; } = 65535;

    /// <summary>Most blocks of a grid, third dimension.</summary>
    public int MaxGridZ { get; init; } = 65535;

    /// <summary>The driver has stream-ordered memory pools.</summary>
    public bool SupportsMemoryPools { get; init; } = true;

    /// <summary>10·major + minor.</summary>
    public int ComputeCapability => 10 * Major + Minor;

    /// <summary>The target its kernels are compiled for: "sm_90a".</summary>
    /// <exception cref="DeviceNotSupportedException">The kernels cannot run there.</exception>
    public string Architecture => Compilation.Architecture.Of(Major, Minor);

    /// <summary>True if the kernels can be compiled for the device.</summary>
    public bool IsSupported => Compilation.Architecture.Supports(ComputeCapability);

    /// <summary>
    /// A typical device of an architecture, for plans without a device: the limits are those of the compute capability
    /// (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"), sizes those of a common model.
    /// </summary>
    /// <exception cref="ArgumentException">Not a supported architecture.</exception>
    internal static DeviceInfo Typical(string architecture)
    {
        var capability = Compilation.Architecture.Capability(architecture);
        var (name, multiprocessors, sharedKilobytes, l2Megabytes, memoryGigabytes) = capability switch
        {
            80 => ("A100", 108, 164, 40, 40),
            86 => ("RTX 3090", 82, 100, 6, 24),
            87 => ("Orin", 16, 164, 4, 32),
            88 or 89 => ("RTX 4090", 128, 100, 72, 24),
            90 => ("H100", 132, 228, 50, 80),
            100 or 103 => ("B200", 148, 228, 126, 180),
            110 => ("Thor", 20, 228, 32, 128),
            _ => ("RTX 5090", 170, 100, 96, 32),
        };
        return new DeviceInfo
        {
            Name = name,
            Major = capability / 10,
            Minor = capability % 10,
            Multiprocessors = multiprocessors,
            // the system keeps one kilobyte of every block's share
            SharedMemoryPerBlock = (sharedKilobytes - 1) << 10,
            SharedMemoryPerMultiprocessor = sharedKilobytes << 10,
            L2Bytes = l2Megabytes << 20,
            MemoryBytes = (long)memoryGigabytes << 30,
            MaxThreadsPerMultiprocessor = capability is 86 or 87 or 88 or 89 or 120 or 121 ? 1536 : 2048,
        };
    }
}
