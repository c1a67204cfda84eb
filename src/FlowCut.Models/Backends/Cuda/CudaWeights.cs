using FlowCut.Kernels;
using FlowCut.Kernels.Transformer;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Sends weights to the device, once: matrices in the type they are multiplied in (a 16-bit type as stored, widened for
/// fp32), vectors as fp32 and, for products whose output is 16-bit, in the activation type too.
/// </summary>
internal sealed unsafe class CudaWeights(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream, ElementType activations) : IDisposable
{
    private readonly List<DeviceMemory> _memory = [];
    private readonly List<CudaBuffer> _vectors = [];
    private readonly Dictionary<DeviceBuffer, DeviceMatrix> _rounded = [];
    private DeviceMemory? _piece;

    /// <summary>Bytes of all weights on the device.</summary>
    public long Bytes { get; private set; }

    /// <exception cref="ModelFormatException">A part is no matrix, or not stored as F32, F16 or BF16, or of another width than the first.</exception>
    public CudaMatrix LoadMatrix(ReadOnlySpan<StoredTensor> parts)
    {
        var columns = Columns(parts[0]);
        long rows = 0;
        foreach (var part in parts)
        {
            if (Columns(part) != columns)
                throw new ModelFormatException(part.File, $"tensor '{part.Name}' differs from '{parts[0].Name}' in width, they are used as one matrix");
            rows += part.Shape[0];
        }

        var memory = Allocate(rows * columns * activations.Bytes());
        var matrix = memory.Matrix(activations, checked((int)rows), columns);
        var row = 0;
        foreach (var part in parts)
        {
            Upload(part, matrix.SliceRows(row, (int)part.Shape[0]));
            row += (int)part.Shape[0];
        }

        return new CudaMatrix(matrix);
    }

    public Tensor LoadVector(ReadOnlySpan<StoredTensor> parts)
    {
        long length = 0;
        foreach (var part in parts) length = checked(length + part.ElementCount);
        var values = new float[length];
        var start = 0;
        foreach (var part in parts)
        {
            part.ReadSingles(values.AsSpan(start, (int)part.ElementCount));
            start += (int)part.ElementCount;
        }

        var count = checked((int)length);
        var buffer = new CudaBuffer(pool.Allocate(Math.Max(1, length) * sizeof(float), stream), length, ElementType.Float32);
        Bytes += length * sizeof(float);
        _vectors.Add(buffer);
        var tensor = new Tensor(buffer, 0, 1, count, count);
        fixed (float* first = values) staging.Upload((byte*)first, length * sizeof(float), buffer.Memory.Pointer);
        if (activations == ElementType.Float32) return tensor;

        var rounded = Allocate(Math.Max(1, length) * activations.Bytes()).Matrix(activations, 1, count);
        ConvertType.Launch(kernels, CudaBuffer.View(tensor, nameof(parts)), rounded, stream);
        _rounded.Add(buffer, rounded);
        return tensor;
    }

    /// <summary>A loaded vector in the wanted type.</summary>
    public DeviceMatrix Vector(Tensor vector, ElementType type, string name)
    {
        var view = CudaBuffer.View(vector, name);
        if (view.Type == type) return view;
        if (!_rounded.TryGetValue(vector.Buffer, out var rounded))
            throw new ArgumentException($"'{name}' was not loaded as a vector by this backend.", name);
        return rounded.SliceColumns(checked((int)vector.Offset), vector.Columns);
    }

    public void Dispose()
    {
        _piece?.Dispose();
        foreach (var vector in _vectors) vector.Dispose();
        foreach (var memory in _memory) memory.Dispose();
    }

    private DeviceMemory Allocate(long bytes)
    {
        var memory = pool.Allocate(bytes, stream);
        _memory.Add(memory);
        Bytes += bytes;
        return memory;
    }

    private void Upload(StoredTensor part, DeviceMatrix destination)
    {
        var stored = TypeOf(part);
        if (stored == destination.Type)
        {
            staging.Upload(part.Data, part.ByteLength, destination.Pointer);
            return;
        }

        // through a piece of device memory in the stored type, converted there
        _piece ??= pool.Allocate(staging.PieceBytes, stream);
        var rowsAtOnce = (int)Math.Min(destination.Rows, staging.PieceBytes / ((long)destination.Columns * stored.Bytes()));
        if (rowsAtOnce == 0) throw new ModelFormatException(part.File, $"tensor '{part.Name}' has rows of {destination.Columns} elements, too long to convert");
        for (var row = 0; row < destination.Rows; row += rowsAtOnce)
        {
            var rows = Math.Min(rowsAtOnce, destination.Rows - row);
            var rowBytes = (long)destination.Columns * stored.Bytes();
            staging.UploadPiece(new ReadOnlySpan<byte>(part.Data + row * rowBytes, (int)(rows * rowBytes)), _piece.Pointer);
            ConvertType.Launch(kernels, _piece.Matrix(stored, rows, destination.Columns), destination.SliceRows(row, rows), stream);
        }
    }

    private static ElementType TypeOf(StoredTensor tensor) => tensor.Type switch
    {
        StoredType.Float32 => ElementType.Float32,
        StoredType.Float16 => ElementType.Float16,
        StoredType.BFloat16 => ElementType.BFloat16,
        _ => throw new ModelFormatException(tensor.File, $"tensor '{tensor.Name}' is stored as {tensor.TypeName}; weights must be F32, F16 or BF16"),
    };

    private static int Columns(StoredTensor tensor)
    {
        if (tensor.Shape.Length < 2)
            throw new ModelFormatException(tensor.File, $"tensor '{tensor.Name}' has {tensor.Shape.Length} dimensions, a matrix needs two");
        long columns = 1;
        for (var i = 1; i < tensor.Shape.Length; i++) columns = checked(columns * tensor.Shape[i]);
        return checked((int)columns);
    }
}
