using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;
using static TorchSharp.torch;

namespace ForeignLibraries;

/// <summary>A kernel on tensors of TorchSharp. libtorch works in the device's primary context and, unless told otherwise, on the legacy default stream, 0.</summary>
public static class WithTorchSharp
{
    /// <summary>Normalises the rows of a contiguous CUDA tensor in place.</summary>
    /// <param name="x">[rows, columns], float16.</param>
    /// <param name="weight">[columns], float16.</param>
    public static void Normalise(Tensor x, Tensor weight)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        if (!x.is_contiguous() || x.dtype != ScalarType.Float16) throw new ArgumentException("A contiguous float16 tensor is needed.", nameof(x));
        using var context = CudaDevice.Open(NativeCuda.System, x.device.index).RetainPrimaryContext();
        using var stream = CudaStream.Borrow(context, 0);
        // compiling happens once per KernelContext: keep it
        using var kernels = new KernelContext(context);
        var (rows, columns) = (checked((int)x.shape[0]), checked((int)x.shape[1]));
        var matrix = new DeviceMatrix(Address(x), ElementType.Float16, rows, columns);
        DevicePointer.Check(context, matrix);
        RmsNorm.Launch(kernels, matrix, new DeviceMatrix(Address(weight), ElementType.Float16, 1, columns), matrix, 1e-6f, stream);
        // the tensors must live until the stream has come past the kernel
        stream.Synchronize();
        GC.KeepAlive(weight);
    }

    /// <summary>Where a tensor's first element lies on the device.</summary>
    private static nint Address(Tensor tensor) => tensor.storage<Half>().data_ptr() + (nint)(tensor.storage_offset() * 2);
}
