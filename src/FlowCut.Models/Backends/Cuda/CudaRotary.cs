using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Rotary embedding and cache append; positions go to the device once for all layers.</summary>
internal sealed class CudaRotary(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream) : IDisposable
{
    private readonly DeviceNumbers<int> _positions = new(pool, staging, stream);

    public void Run(Tensor query, CacheAppend append, ReadOnlySpan<int> positions, Tensor inverseFrequencies, int headSize) =>
        Run(query, append, _positions.Of(positions), inverseFrequencies, headSize);

    public void Run(Tensor query, CacheAppend append, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize)
    {
        var own = CudaDecodeStep.Of(decodeStep);
        Run(query, append with { CacheRows = own.Row }, own.Position, inverseFrequencies, headSize);
    }

    public void Dispose() => _positions.Dispose();

    private void Run(Tensor query, in CacheAppend append, DeviceArray<int> positions, Tensor inverseFrequencies, int headSize)
    {
        var frequencies = CudaBuffer.Row(inverseFrequencies, nameof(inverseFrequencies));
        if (2 * frequencies.Length != headSize)
            throw new ArgumentException($"'{nameof(inverseFrequencies)}' has {frequencies.Length} entries, expected {headSize / 2}.", nameof(inverseFrequencies));
        RotaryAppend.Launch(kernels, CudaBuffer.View(query, nameof(query)), append, RotaryPositions.OneAxis(positions, frequencies), stream);
    }
}
