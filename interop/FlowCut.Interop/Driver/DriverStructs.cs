using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>Extent of a grid, block or cluster. The default value has no threads: give all three.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Dim3(uint X, uint Y = 1, uint Z = 1);

/// <summary>Everything about a launch but the kernel and its parameters (<c>CUlaunchConfig</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct LaunchConfig
{
    public Dim3 Grid;
    public Dim3 Block;
    /// <summary>Dynamic shared memory per block, in bytes.</summary>
    public uint SharedBytes;
    public nint Stream;
    /// <summary>May be null when <see cref="AttributeCount"/> is 0.</summary>
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>One attribute of a launch (<c>CUlaunchAttribute</c>): the member that belongs to <see cref="Id"/> counts.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct LaunchAttribute
{
    [FieldOffset(0)] public LaunchAttributeId Id;
    /// <summary>Blocks per cluster; the grid must be divisible by it.</summary>
    [FieldOffset(8)] public Dim3 ClusterDimension;
    /// <summary>1: all blocks must be resident at once and may synchronise.</summary>
    [FieldOffset(8)] public int Cooperative;
    /// <summary>1: may start before the previous kernel of the stream has ended.</summary>
    [FieldOffset(8)] public int ProgrammaticStreamSerializationAllowed;
    [FieldOffset(8)] public int Priority;
    /// <summary>Preferred share of shared memory, in percent.</summary>
    [FieldOffset(8)] public uint SharedMemoryCarveout;
}

/// <summary>Where memory of a pool lies (<c>CUmemLocation</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryLocation
{
    public MemoryLocationType Type;
    /// <summary>Device or NUMA node.</summary>
    public int Id;
}

/// <summary>How a memory pool is made (<c>CUmemPoolProps</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryPoolProperties
{
    public MemoryAllocationType AllocationType;
    public MemoryHandleTypes HandleTypes;
    public MemoryLocation Location;
    public nint Win32SecurityAttributes;
    /// <summary>Largest size in bytes; 0: the driver decides.</summary>
    public nuint MaxSize;
    public ushort Usage;
    internal ReservedBytes Reserved;

    /// <summary>Memory of one device, not exported to other processes.</summary>
    public static MemoryPoolProperties OfDevice(int device) => new()
    {
        AllocationType = MemoryAllocationType.Pinned,
        Location = new MemoryLocation { Type = MemoryLocationType.Device, Id = device },
    };

    [InlineArray(54)]
    internal struct ReservedBytes
    {
        private byte _first;
    }
}

/// <summary>A copy of rows between pitched memories (<c>CUDA_MEMCPY2D</c>). Sizes, offsets and pitches are in bytes, heights in rows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Memcpy2D
{
    public nuint SourceX;
    public nuint SourceY;
    public MemoryType SourceType;
    public nint SourceHost;
    public nint SourceDevice;
    public nint SourceArray;
    public nuint SourcePitch;
    public nuint DestinationX;
    public nuint DestinationY;
    public MemoryType DestinationType;
    public nint DestinationHost;
    public nint DestinationDevice;
    public nint DestinationArray;
    public nuint DestinationPitch;
    public nuint Width;
    public nuint Height;
}

/// <summary>What became of an update of an executable graph (<c>CUgraphExecUpdateResultInfo</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GraphExecUpdateInfo
{
    public GraphExecUpdateResult Result;
    /// <summary>The node of the new graph that does not fit, or 0.</summary>
    public nint ErrorNode;
    public nint ErrorFromNode;
}
