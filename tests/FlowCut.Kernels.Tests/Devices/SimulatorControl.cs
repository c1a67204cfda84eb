using System.Runtime.InteropServices;
using System.Text;
using FlowCut.Interop;

namespace FlowCut.Kernels.Tests.Devices;

/// <summary>The simulator's own entry points: failures on demand, and what it found fault with.</summary>
internal sealed unsafe class SimulatorControl
{
    private readonly delegate* unmanaged<byte*, uint, int, int> _failCall;
    private readonly delegate* unmanaged<byte*, nuint, nuint> _leaks;
    private readonly delegate* unmanaged<int, int> _setDeviceCount;

    public SimulatorControl(NativeCuda simulator)
    {
        // the library is in the process already: this finds it again
        var library = NativeLibrary.Load(simulator.Driver.LibraryPath);
        _failCall = (delegate* unmanaged<byte*, uint, int, int>)NativeLibrary.GetExport(library, "flowcutSimFailCall");
        _setDeviceCount = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(library, "flowcutSimSetDeviceCount");
        _leaks = (delegate* unmanaged<byte*, nuint, nuint>)NativeLibrary.GetExport(library, "flowcutSimLeaks");
    }

    /// <summary>Number of devices; only before any context is made.</summary>
    public void SetDeviceCount(int count) => Assert.Equal(0, _setDeviceCount(count));

    /// <summary>The next call of an entry point returns a result, once, and does nothing.</summary>
    public void FailNext(string entry, CudaResult result, int nth = 1)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(entry + '\0')) Assert.Equal(0, _failCall(name, (uint)nth, (int)result));
    }

    /// <summary>Takes an unused request back.</summary>
    public void Withdraw(string entry)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(entry + '\0')) Assert.Equal(0, _failCall(name, 0, 0));
    }

    /// <summary>Live allocations and handles of the whole process.</summary>
    public int LeakCount()
    {
        var text = new byte[_leaks(null, 0) + 1];
        fixed (byte* buffer = text) _leaks(buffer, (nuint)text.Length);
        return text.Count(c => c == (byte)'\n');
    }
}
