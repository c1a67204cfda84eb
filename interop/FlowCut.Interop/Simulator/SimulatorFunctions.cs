namespace FlowCut.Interop;

// The loader writes these fields through a pointer, which the compiler does not see.
#pragma warning disable CS0649

/// <summary>The simulator's own entry points (<c>flowcut_sim/control.h</c>).</summary>
internal unsafe struct SimulatorFunctions : INativeFunctions
{
    public delegate* unmanaged<ulong, void> flowcutSimReset;
    public delegate* unmanaged<byte*, uint, int, int> flowcutSimFailCall;
    public delegate* unmanaged<byte*, ulong> flowcutSimCallCount;
    public delegate* unmanaged<byte*, nuint, nuint> flowcutSimViolations;
    public delegate* unmanaged<byte*, nuint, nuint> flowcutSimLeaks;
    public delegate* unmanaged<int, int, int, ulong, byte*, CudaResult> flowcutSimSetDevice;
    public delegate* unmanaged<int, CudaResult> flowcutSimSetDeviceCount;
    public delegate* unmanaged<int, void> flowcutSimSetDriverVersion;
    public delegate* unmanaged<uint, uint, void> flowcutSimSetIdleDelay;
    public delegate* unmanaged<int, SimulatedMemory*, CudaResult> flowcutSimDeviceMemory;

    /// <summary>The fields' names in their order.</summary>
    public static ReadOnlySpan<string> Symbols => SymbolNames;

    private static readonly string[] SymbolNames =
    [
        nameof(flowcutSimReset), nameof(flowcutSimFailCall), nameof(flowcutSimCallCount), nameof(flowcutSimViolations), nameof(flowcutSimLeaks),
        nameof(flowcutSimSetDevice), nameof(flowcutSimSetDeviceCount), nameof(flowcutSimSetDriverVersion), nameof(flowcutSimSetIdleDelay),
        nameof(flowcutSimDeviceMemory),
    ];
}
