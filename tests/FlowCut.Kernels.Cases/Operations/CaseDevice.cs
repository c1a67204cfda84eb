using System.Runtime.InteropServices;
using System.Text;
using FlowCut.Interop;

namespace FlowCut.Kernels.Cases;

/// <summary>A device that cases run on: the simulator, or a GPU. Its kernels are kept as long as it is.</summary>
internal sealed class CaseDevice
{
    private readonly nint _simulator;

    /// <param name="name">For messages.</param>
    /// <param name="cuda">The machine's CUDA, or the simulator.</param>
    /// <param name="number">Of the device.</param>
    /// <exception cref="CudaNotAvailableException">A library is not there.</exception>
    /// <exception cref="NativeCudaException">The driver fails.</exception>
    /// <exception cref="DeviceNotSupportedException">The kernels cannot run on this device.</exception>
    public CaseDevice(string name, NativeCuda cuda, int number = 0)
    {
        Name = name;
        Context = CudaDevice.Open(cuda, number).RetainPrimaryContext();
        Stream = CudaStream.Create(Context);
        Pool = DeviceMemoryPool.Create(Context);
        Kernels = new KernelContext(Context);
        // the library is in the process already: this finds it again
        if (IsSimulator) _simulator = NativeLibrary.Load(cuda.Driver.LibraryPath);
    }

    public string Name { get; }

    public bool IsSimulator => Context.Cuda != NativeCuda.System;

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public DeviceMemoryPool Pool { get; }

    public KernelContext Kernels { get; }

    /// <summary>What the simulator saw kernels do that they must not; empty on a GPU.</summary>
    public unsafe string Violations()
    {
        if (!IsSimulator) return "";
        var report = (delegate* unmanaged[Cdecl]<byte*, nuint, nuint>)NativeLibrary.GetExport(_simulator, "flowcutSimViolations");
        var text = new byte[16384];
        fixed (byte* first = text) report(first, (nuint)text.Length);
        return Encoding.UTF8.GetString(text.AsSpan(0, Math.Max(Array.IndexOf(text, (byte)0), 0)));
    }
}
