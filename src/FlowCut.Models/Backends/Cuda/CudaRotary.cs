using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Rotary embedding and cache append; positions and frequencies go to the device once for all layers.</summary>
internal sealed class CudaRotary(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream) : IDisposable
{
    private readonly DeviceNumbers<int> _positions = new(pool, staging, stream);
    private readonly DeviceNumbers<float> _inverseFrequencies = new(pool, staging, stream);

    public void Run(Tensor query, Tensor key, Tensor value, ReadOnlySpan<int> positions, ReadOnlySpan<float> inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache)
    {
        if (2 * inverseFrequencies.Length != headSize)
            throw new ArgumentException($"'{nameof(inverseFrequencies)}' has {inverseFrequencies.Length} entries, expected {headSize / 2}.", nameof(inverseFrequencies));
        var append = new CacheAppend(
            CudaBuffer.View(key, nameof(key)), CudaBuffer.View(value, nameof(value)),
            CudaBuffer.View(keyCache, nameof(keyCache)), CudaBuffer.View(valueCache, nameof(valueCache)));
        RotaryAppend.Launch(
            kernels, CudaBuffer.View(query, nameof(query)), append,
            RotaryPositions.OneAxis(_positions.Of(positions), _inverseFrequencies.Of(inverseFrequencies)), stream);
    }

    public void Dispose()
    {
        _positions.Dispose();
        _inverseFrequencies.Dispose();
    }
}
