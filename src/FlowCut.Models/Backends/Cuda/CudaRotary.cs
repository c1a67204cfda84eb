using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Rotary embedding and cache append: the backend's arguments as the kernel takes them.</summary>
internal static class CudaRotary
{
    public static void Run(KernelContext kernels, Tensor query, in CacheAppend append, RotaryPositions positions, Tensor inverseFrequencies, int headSize, CudaStream stream)
    {
        var frequencies = Frequencies(inverseFrequencies, headSize);
        if (positions.Rows == 0) return;
        var numbers = positions.Values with { Length = (positions.Axes - 1) * positions.AxisStride + positions.Rows };
        var values = CudaIndexBuffer.View(numbers, nameof(positions));
        var at = positions.Axes switch
        {
            1 => Kernels.Transformer.RotaryPositions.OneAxis(values, frequencies),
            2 => Kernels.Transformer.RotaryPositions.TwoAxes(values, frequencies) with { AxisStride = positions.AxisStride },
            _ => Kernels.Transformer.RotaryPositions.ThreeAxes(values, frequencies, positions.FirstEnd, positions.SecondEnd - positions.FirstEnd) with { AxisStride = positions.AxisStride },
        };
        RotaryAppend.Launch(kernels, CudaBuffer.View(query, nameof(query)), append, at, stream);
    }

    public static void Run(KernelContext kernels, Tensor query, in CacheAppend append, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, CudaStream stream)
    {
        var own = CudaDecodeStep.Of(decodeStep);
        var at = Kernels.Transformer.RotaryPositions.OneAxis(own.Position, Frequencies(inverseFrequencies, headSize));
        RotaryAppend.Launch(kernels, CudaBuffer.View(query, nameof(query)), append with { CacheRows = own.Row }, at, stream);
    }

    private static DeviceArray<float> Frequencies(Tensor inverseFrequencies, int headSize)
    {
        var frequencies = CudaBuffer.Row(inverseFrequencies, nameof(inverseFrequencies));
        return 2 * frequencies.Length == headSize
            ? frequencies
            : throw new ArgumentException($"'{nameof(inverseFrequencies)}' has {frequencies.Length} entries, expected {headSize / 2}.", nameof(inverseFrequencies));
    }
}
