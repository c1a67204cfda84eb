using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace FlowCut.Interop;

/// <summary>
/// Control of a simulator: what a test sets before and asks after. Its state is the library's, one per process, however many
/// <see cref="NativeCuda"/> refer to it.
/// </summary>
public sealed unsafe class SimulatorApi
{
    private readonly SimulatorFunctions _simulator;
    private readonly LoadedLibrary _library;

    internal SimulatorApi(LoadedLibrary library)
    {
        _library = library;
        _simulator = library.Bind<SimulatorFunctions>(out _);
    }

    /// <summary>
    /// Back to the state of a fresh process, with a seed for every schedule: default devices, nothing allocated, no fault, no call
    /// counted. No other call may run meanwhile, and everything made before must have been disposed: its handles mean nothing any more.
    /// </summary>
    public void Reset(ulong seed)
    {
        Need(_simulator.flowcutSimReset);
        _simulator.flowcutSimReset(seed);
    }

    /// <summary>Makes a call fail once, without any effect; calls that release something release it all the same.</summary>
    /// <param name="entryPoint">The exported name, as <see cref="NativeCudaException.Operation"/> has it.</param>
    /// <param name="occurrence">1: the next call; 0 withdraws the request.</param>
    /// <param name="result">What the call returns, a code of the library that the entry point belongs to.</param>
    /// <exception cref="ArgumentException">The simulator has no such entry point.</exception>
    public void FailCall(string entryPoint, int occurrence, int result)
    {
        ArgumentException.ThrowIfNullOrEmpty(entryPoint);
        ArgumentOutOfRangeException.ThrowIfNegative(occurrence);
        Need(_simulator.flowcutSimFailCall);
        using var name = new Utf8String(entryPoint);
        if (_simulator.flowcutSimFailCall(name.Pointer, (uint)occurrence, result) != 0)
            throw new ArgumentException($"The simulator has no entry point '{entryPoint}' that can fail.", nameof(entryPoint));
    }

    /// <summary>Calls of an entry point since the last reset, failed ones included.</summary>
    public long CallCount(string entryPoint)
    {
        ArgumentException.ThrowIfNullOrEmpty(entryPoint);
        Need(_simulator.flowcutSimCallCount);
        using var name = new Utf8String(entryPoint);
        return (long)_simulator.flowcutSimCallCount(name.Pointer);
    }

    /// <summary>What kernels and host did that a device would not forgive, one per line: what and where. Empty: nothing.</summary>
    public string Violations()
    {
        Need(_simulator.flowcutSimViolations);
        return Text(_simulator.flowcutSimViolations);
    }

    /// <summary>What lives, one per line, with the entry point that made it. Empty: everything was released.</summary>
    public string Leaks()
    {
        Need(_simulator.flowcutSimLeaks);
        return Text(_simulator.flowcutSimLeaks);
    }

    /// <summary>Describes a device. Only while no context is active.</summary>
    /// <param name="ordinal">0 to 3.</param>
    /// <param name="computeCapability">Whose limits the device has.</param>
    /// <param name="memoryBytes">Memory in bytes.</param>
    /// <param name="name">Null: the default.</param>
    /// <exception cref="CudaException">A context is active, or a value cannot be.</exception>
    public void SetDevice(int ordinal, Version computeCapability, long memoryBytes, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(computeCapability);
        ArgumentOutOfRangeException.ThrowIfNegative(memoryBytes);
        Need(_simulator.flowcutSimSetDevice);
        using var text = new Utf8String(name ?? "");
        Check(_simulator.flowcutSimSetDevice(ordinal, computeCapability.Major, computeCapability.Minor, (ulong)memoryBytes, name is null ? null : text.Pointer));
    }

    /// <summary>0 to 4; with 0, initialisation answers <see cref="CudaResult.NoDevice"/>. Only while no context is active.</summary>
    public void SetDeviceCount(int count)
    {
        Need(_simulator.flowcutSimSetDeviceCount);
        Check(_simulator.flowcutSimSetDeviceCount(count));
    }

    /// <summary>What <see cref="DriverApi.DriverGetVersion"/> answers.</summary>
    public void SetDriverVersion(int version)
    {
        Need(_simulator.flowcutSimSetDriverVersion);
        _simulator.flowcutSimSetDriverVersion(version);
    }

    /// <summary>
    /// Work starts at synchronisation points, and else once no call has come for a random time between these bounds, so that a host that
    /// polls mapped memory sees its value. A maximum of zero: only at synchronisation points.
    /// </summary>
    public void SetIdleDelay(TimeSpan minimum, TimeSpan maximum)
    {
        Need(_simulator.flowcutSimSetIdleDelay);
        _simulator.flowcutSimSetIdleDelay(checked((uint)minimum.TotalMicroseconds), checked((uint)maximum.TotalMicroseconds));
    }

    /// <summary>Memory of one device.</summary>
    public SimulatedMemory DeviceMemory(int ordinal)
    {
        Need(_simulator.flowcutSimDeviceMemory);
        SimulatedMemory memory;
        Check(_simulator.flowcutSimDeviceMemory(ordinal, &memory));
        return memory;
    }

    /// <summary>The text may grow between asking for its length and for itself: ask until it fits.</summary>
    private static string Text(delegate* unmanaged<byte*, nuint, nuint> read)
    {
        var buffer = new byte[4096];
        while (true)
        {
            nuint length;
            fixed (byte* pointer = buffer) length = read(pointer, (nuint)buffer.Length);
            if (length < (nuint)buffer.Length) return Encoding.UTF8.GetString(buffer, 0, (int)length);
            buffer = new byte[checked((int)length + 4096)];
        }
    }

    private static void Check(CudaResult call, [CallerArgumentExpression(nameof(call))] string text = "")
    {
        if (call != CudaResult.Success) throw new CudaException(call, EntryPoints.NameIn(text));
    }

    private void Need(void* entryPoint, [CallerArgumentExpression(nameof(entryPoint))] string text = "")
    {
        if (entryPoint is null) throw new MissingEntryPointException(EntryPoints.NameIn(text), _library.Path);
    }
}

/// <summary>Statistics of a simulated device's memory, in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct SimulatedMemory
{
    public readonly ulong Capacity;
    public readonly ulong Used;
    /// <summary>The most that was in use since the last reset.</summary>
    public readonly ulong Peak;
    public readonly ulong PoolReserved;
    /// <summary>Page-locked host memory.</summary>
    public readonly ulong Pinned;
    /// <summary>Number of allocations that live.</summary>
    public readonly ulong LiveAllocations;
}
