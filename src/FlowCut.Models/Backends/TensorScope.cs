namespace FlowCut.Models.Backends;

/// <summary>Tensors that are needed for the length of a method, freed together however it ends.</summary>
internal sealed class TensorScope(Backend backend) : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];

    public Tensor Allocate(int rows, int columns, Precision precision = Precision.Activation)
    {
        var tensor = backend.Allocate(rows, columns, precision);
        _buffers.Add(tensor.Buffer);
        return tensor;
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
    }
}
