using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;

namespace EmbeddedKernels;

/// <summary>One kernel on a context, a stream and memory that somebody else owns: everything comes in as nint.</summary>
public static class BorrowedPointers
{
    public static float[] Normalise(NativeCuda cuda, OtherLibrary owner, float[] row)
    {
        ArgumentNullException.ThrowIfNull(owner);
        ArgumentNullException.ThrowIfNull(row);
        nint x = owner.Allocate(row), weight = owner.Allocate([.. row.Select(_ => 1f)]), y = owner.Allocate(new float[row.Length]);

        using var context = CudaContext.Borrow(cuda, owner.Context);
        using var stream = CudaStream.Borrow(context, owner.Stream);
        using var kernels = new KernelContext(context);
        var (input, output) = (new DeviceMatrix(x, ElementType.Float32, 1, row.Length), new DeviceMatrix(y, ElementType.Float32, 1, row.Length));
        // worth a driver call where a pointer comes in; launchers do not repeat it
        DevicePointer.Check(context, input);
        DevicePointer.Check(context, output);
        RmsNorm.Launch(kernels, input, new DeviceMatrix(weight, ElementType.Float32, 1, row.Length), output, epsilon: 1e-6f, stream);
        return owner.Read<float>(y, row.Length);
    }
}
