using System.Runtime.InteropServices;
using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>A step's numbers on the device, and the working memory of its attention, which recorded work goes on using.</summary>
internal sealed class CudaDecodeStep(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream) : DecodeStep
{
    private readonly DeviceMemory _numbers = pool.Allocate(5 * sizeof(int), stream);
    private readonly DecodeMemory _memory = new(kernels, pool, stream);

    public DeviceArray<int> Token => Number(0);

    public DeviceArray<int> Position => Number(1);

    /// <summary>The cache row that the token takes.</summary>
    public DeviceArray<int> Row => Number(2);

    /// <summary>Keys that the token sees, its own included.</summary>
    public DeviceArray<int> Length => Number(3);

    /// <summary>0: where the sequence begins in its cache.</summary>
    public DeviceArray<int> FirstRow => Number(4);

    /// <exception cref="ArgumentException">Another backend's.</exception>
    public static CudaDecodeStep Of(DecodeStep decodeStep) =>
        decodeStep as CudaDecodeStep ?? throw new ArgumentException("The step was not allocated by a CUDA backend.", nameof(decodeStep));

    public override void MoveTo(int token, int position, int cached)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cached);
        ReadOnlySpan<int> numbers = [token, position, cached, checked(cached + 1), 0];
        staging.UploadPiece(MemoryMarshal.AsBytes(numbers), _numbers.Pointer);
    }

    /// <summary>As many parts as the whole cache would be split into: the number must not change from token to token.</summary>
    public DecodeWorkspace Workspace(ElementType type, AttentionShape shape, int capacity) => _memory.Workspace(type, shape, capacity);

    protected override void Dispose(bool disposing)
    {
        _numbers.Dispose();
        _memory.Dispose();
    }

    private DeviceArray<int> Number(int index) => _numbers.Array<int>(5).Slice(index, 1);
}

/// <summary>Working memory of decoding attention; grows with what is asked for.</summary>
internal sealed class DecodeMemory(KernelContext kernels, DeviceMemoryPool pool, CudaStream stream) : IDisposable
{
    private DeviceMemory? _partial, _arrivals;

    public DecodeWorkspace Workspace(ElementType type, AttentionShape shape, int maxLength)
    {
        var partial = DecodeAttention.PartialLength(kernels.Device, type, shape, 1, maxLength);
        if (_partial is null || _partial.Bytes < (long)partial * sizeof(float))
        {
            _partial?.Dispose();
            _partial = null;
            _partial = pool.Allocate((long)partial * sizeof(float), stream);
        }

        if (_arrivals is null || _arrivals.Bytes < (long)shape.Heads * sizeof(int))
        {
            _arrivals?.Dispose();
            _arrivals = null;
            _arrivals = pool.Allocate((long)shape.Heads * sizeof(int), stream);
            stream.EnqueueFill(_arrivals.Pointer, 0, _arrivals.Bytes);
        }

        return new DecodeWorkspace(_partial.Array<float>(partial), _arrivals.Array<int>(shape.Heads));
    }

    public void Dispose()
    {
        _partial?.Dispose();
        _arrivals?.Dispose();
    }
}
