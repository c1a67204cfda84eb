using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>Activations in device memory.</summary>
internal sealed class CudaBuffer(DeviceMemory memory, long length, ElementType type) : DeviceBuffer(length, type.Bytes())
{
    private DeviceMemory? _memory = memory;

    public ElementType Type { get; } = type;

    public DeviceMemory Memory => _memory ?? throw new ObjectDisposedException(nameof(CudaBuffer));

    /// <summary>A tensor as the launchers take it.</summary>
    /// <exception cref="ArgumentException">The tensor is another backend's, or reaches beyond its buffer.</exception>
    public static DeviceMatrix View(Tensor tensor, string name)
    {
        if (tensor.Buffer is not CudaBuffer buffer)
            throw new ArgumentException($"'{name}' was not allocated by a CUDA backend.", name);
        var extent = tensor.Rows == 0 || tensor.Columns == 0 ? 0 : (long)(tensor.Rows - 1) * tensor.Stride + tensor.Columns;
        if (tensor.Rows < 0 || tensor.Columns < 0 || tensor.Offset < 0 || tensor.Offset > buffer.Length - extent || (tensor.Rows > 1 && tensor.Stride < tensor.Columns))
            throw new ArgumentException($"'{name}', [{tensor.Rows}, {tensor.Columns}] with stride {tensor.Stride} at {tensor.Offset}, does not fit its buffer of {buffer.Length} elements.", name);
        return new DeviceMatrix(buffer.Memory.Pointer + (nint)(tensor.Offset * buffer.ElementBytes), buffer.Type, tensor.Rows, tensor.Columns, tensor.Stride);
    }

    /// <summary>The first row of a tensor as dense fp32 values: scores and statistics.</summary>
    /// <exception cref="ArgumentException">As <see cref="View"/>, or it is not kept in single precision.</exception>
    public static DeviceArray<float> Row(Tensor tensor, string name)
    {
        var view = View(tensor, name);
        return view.Type == ElementType.Float32 && view.Rows == 1
            ? new DeviceArray<float>(view.Pointer, view.Columns)
            : throw new ArgumentException($"'{name}' must be one row in single precision.", name);
    }

    protected override void Dispose(bool disposing)
    {
        _memory?.Dispose();
        _memory = null;
    }
}

internal sealed class CudaIndexBuffer(DeviceMemory memory, int capacity) : IndexBuffer(capacity)
{
    private DeviceMemory? _memory = memory;

    public DeviceArray<int> Array => (_memory ?? throw new ObjectDisposedException(nameof(CudaIndexBuffer))).Array<int>(Capacity);

    /// <exception cref="ArgumentException">Another backend's.</exception>
    public static DeviceArray<int> Of(IndexBuffer buffer, string name) =>
        (buffer as CudaIndexBuffer ?? throw new ArgumentException($"'{name}' was not allocated by a CUDA backend.", name)).Array;

    /// <exception cref="ArgumentException">Another backend's.</exception>
    public static DeviceArray<int> View(IndexView view, string name) => Of(view.Buffer, name).Slice(view.Start, view.Length);

    protected override void Dispose(bool disposing)
    {
        _memory?.Dispose();
        _memory = null;
    }
}

/// <summary>A weight matrix in device memory, in the type that it is multiplied in.</summary>
internal sealed class CudaMatrix(DeviceMatrix view) : Matrix(view.Rows, view.Columns)
{
    public DeviceMatrix View { get; } = view;

    /// <exception cref="ArgumentException">Another backend's.</exception>
    public static DeviceMatrix Of(Matrix matrix, string name) =>
        (matrix as CudaMatrix ?? throw new ArgumentException($"'{name}' was not loaded by a CUDA backend.", name)).View;
}
