using System.Runtime.InteropServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>fp32 activations in native memory, 64-byte aligned, zeroed.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private float* _data;

    public CpuBuffer(long length)
        : base(length, sizeof(float))
    {
        var bytes = checked((nuint)Math.Max(1, length) * sizeof(float));
        try
        {
            _data = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        }
        catch (OutOfMemoryException e)
        {
            throw new InsufficientMemoryException($"The CPU backend could not get {bytes:N0} bytes for activations.", e);
        }

        NativeMemory.Clear(_data, bytes);
    }

    ~CpuBuffer() => Dispose(false);

    public float* Data => _data != null ? _data : throw new ObjectDisposedException(nameof(CpuBuffer));

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
    }
}

internal sealed unsafe class CpuIndexBuffer(int capacity) : IndexBuffer(capacity)
{
    public int[] Data { get; } = new int[capacity];

    protected override void Dispose(bool disposing) { }
}

/// <summary>Work is done as it is queued, so the host's own numbers serve.</summary>
internal sealed class CpuDecodeStep : DecodeStep
{
    public static readonly Sequences OneRow = new(0, 1);

    public int Token { get; private set; }

    public int Position { get; private set; }

    public int Cached { get; private set; }

    /// <summary>The rows that the token sees.</summary>
    public Sequences Keys { get; private set; } = OneRow;

    /// <exception cref="ArgumentException">Another backend's.</exception>
    public static CpuDecodeStep Of(DecodeStep decodeStep) =>
        decodeStep as CpuDecodeStep ?? throw new ArgumentException("The step was not allocated by a CPU backend.", nameof(decodeStep));

    public override void MoveTo(int token, int position, int cached)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cached);
        (Token, Position, Cached, Keys) = (token, position, cached, new Sequences(0, cached + 1));
    }

    protected override void Dispose(bool disposing) { }
}

/// <summary>Operations are done when their call returns, so reading never waits.</summary>
internal sealed class CpuHostValues(int count) : HostValues(count)
{
    private readonly double[] _values = new double[count];

    public override double Read(int index) => _values[index];

    /// <exception cref="ArgumentException">Another backend's, or too small.</exception>
    public static double[] Of(HostValues values, int count) => values is CpuHostValues { Count: var room } own && room >= count
        ? own._values
        : throw new ArgumentException($"{count} host values of a CPU backend are needed.", nameof(values));

    protected override void Dispose(bool disposing) { }
}

/// <summary>
/// A weight matrix where it was mapped: stored rows in their stored type, possibly several tensors below each other.
/// Nothing is copied; <see cref="Checkpoint"/> memory must outlive it.
/// </summary>
internal sealed unsafe class CpuMatrix : Matrix
{
    /// <param name="parts">Each [rows, columns] (further dimensions flattened into columns), all of one type and width.</param>
    public CpuMatrix(ReadOnlySpan<StoredTensor> parts)
        : base(TotalRows(parts), ColumnsOf(parts[0]))
    {
        Type = parts[0].Type;
        if (Type is not (StoredType.Float32 or StoredType.Float16 or StoredType.BFloat16))
            throw new ModelFormatException(parts[0].File, $"tensor '{parts[0].Name}' is stored as {Type}; weights must be F32, F16 or BF16");
        PartData = new byte*[parts.Length];
        PartStart = new int[parts.Length + 1];
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].Type != Type || ColumnsOf(parts[i]) != Columns)
                throw new ModelFormatException(parts[i].File, $"tensor '{parts[i].Name}' differs from '{parts[0].Name}' in type or width, they are used as one matrix");
            PartData[i] = parts[i].Data;
            PartStart[i + 1] = PartStart[i] + checked((int)parts[i].Shape[0]);
        }
    }

    public StoredType Type { get; }

    public int ElementSize => Type == StoredType.Float32 ? 4 : 2;

    /// <summary>Start of each part; any alignment.</summary>
    public byte*[] PartData { get; }

    /// <summary>First row of each part, and the total last.</summary>
    public int[] PartStart { get; }

    /// <summary>Address of a row's first element; rows of one part follow each other without gaps.</summary>
    public byte* Row(int row)
    {
        var part = 0;
        while (row >= PartStart[part + 1]) part++;
        return PartData[part] + (long)(row - PartStart[part]) * Columns * ElementSize;
    }

    private static int ColumnsOf(StoredTensor tensor)
    {
        if (tensor.Shape.Length < 2)
            throw new ModelFormatException(tensor.File, $"tensor '{tensor.Name}' has {tensor.Shape.Length} dimensions, a matrix needs two");
        long columns = 1;
        for (var i = 1; i < tensor.Shape.Length; i++) columns = checked(columns * tensor.Shape[i]);
        return checked((int)columns);
    }

    private static int TotalRows(ReadOnlySpan<StoredTensor> parts)
    {
        long rows = 0;
        foreach (var part in parts) rows += part.Shape.Length > 0 ? part.Shape[0] : 0;
        return checked((int)rows);
    }
}
