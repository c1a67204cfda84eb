namespace FlowCut.Models.Backends.Cpu;

/// <summary>A tensor's address and shape, checked against its buffer once so that the loops need not be.</summary>
internal readonly unsafe struct CpuView
{
    private CpuView(float* data, int rows, int columns, int stride)
    {
        Data = data;
        Rows = rows;
        Columns = columns;
        Stride = stride;
    }

    public float* Data { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int Stride { get; }

    public float* Row(int row) => Data + (long)row * Stride;

    public Span<float> RowSpan(int row) => new(Row(row), Columns);

    public CpuView SliceRows(int start, int count) => new(Row(start), count, Columns, Stride);

    /// <exception cref="ArgumentException">The tensor is another backend's, or reaches beyond its buffer.</exception>
    public static CpuView Of(Tensor tensor, string name)
    {
        if (tensor.Buffer is not CpuBuffer buffer)
            throw new ArgumentException($"'{name}' was not allocated by a CPU backend.", name);
        var extent = tensor.Rows == 0 || tensor.Columns == 0 ? 0 : (long)(tensor.Rows - 1) * tensor.Stride + tensor.Columns;
        if (tensor.Rows < 0 || tensor.Columns < 0 || tensor.Offset < 0 || tensor.Offset > buffer.Length - extent || (tensor.Rows > 1 && tensor.Stride < tensor.Columns))
            throw new ArgumentException($"'{name}', [{tensor.Rows}, {tensor.Columns}] with stride {tensor.Stride} at {tensor.Offset}, does not fit its buffer of {buffer.Length} elements.", name);
        return new CpuView(buffer.Data + tensor.Offset, tensor.Rows, tensor.Columns, tensor.Stride);
    }

    /// <exception cref="ArgumentException">As <see cref="Of(Tensor, string)"/>, or the shape differs.</exception>
    public static CpuView Of(Tensor tensor, int rows, int columns, string name)
    {
        if (tensor.Rows != rows || tensor.Columns != columns)
            throw new ArgumentException($"'{name}' is [{tensor.Rows}, {tensor.Columns}], expected [{rows}, {columns}].", name);
        return Of(tensor, name);
    }
}
