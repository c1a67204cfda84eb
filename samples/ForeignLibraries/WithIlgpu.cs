using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using CudaStream = FlowCut.Kernels.CudaStream;

namespace ForeignLibraries;

/// <summary>A kernel on buffers and a stream of ILGPU. ILGPU makes a context of its own, so that one is borrowed, not the primary one.</summary>
public static class WithIlgpu
{
    /// <summary>Normalises rows in place.</summary>
    /// <param name="accelerator">Owns context, stream and buffers, and outlives the call.</param>
    /// <param name="ilgpuStream">A stream of the accelerator; its default stream will do.</param>
    /// <param name="x">[rows, columns], row by row.</param>
    /// <param name="weight">[columns].</param>
    /// <param name="columns">Length of a row.</param>
    public static void Normalise(CudaAccelerator accelerator, ILGPU.Runtime.Cuda.CudaStream ilgpuStream, MemoryBuffer1D<float, Stride1D.Dense> x, MemoryBuffer1D<float, Stride1D.Dense> weight, int columns)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        ArgumentNullException.ThrowIfNull(ilgpuStream);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        using var context = CudaContext.Borrow(NativeCuda.System, accelerator.NativePtr);
        using var stream = CudaStream.Borrow(context, ilgpuStream.StreamPtr);
        // compiling happens once per KernelContext: keep it as long as the accelerator
        using var kernels = new KernelContext(context);
        var rows = new DeviceMatrix(x.NativePtr, ElementType.Float32, checked((int)x.Length / columns), columns);
        RmsNorm.Launch(kernels, rows, new DeviceMatrix(weight.NativePtr, ElementType.Float32, 1, columns), rows, 1e-6f, stream);
        ilgpuStream.Synchronize();
    }
}
