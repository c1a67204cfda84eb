using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>
/// An algorithm with its settings (<c>cublasLtMatmulAlgo_t</c>): opaque, but plain data that can be kept on disk and used again with the same
/// version of the library on the same kind of device.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct CublasLtAlgo
{
    public fixed ulong Data[8];
}

/// <summary>An algorithm that the heuristic proposes (<c>cublasLtMatmulHeuristicResult_t</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct CublasLtHeuristicResult
{
    public CublasLtAlgo Algo;
    /// <summary>Bytes of workspace that it needs.</summary>
    public nuint WorkspaceSize;
    /// <summary>Whether it can be used.</summary>
    public CublasStatus State;
    /// <summary>How often the device is filled with blocks; near a whole number from below is good.</summary>
    public float WavesCount;
    internal ReservedWords Reserved;

    [InlineArray(4)]
    internal struct ReservedWords
    {
        private int _first;
    }
}
