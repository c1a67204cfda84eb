using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Bench.Kernels;

/// <summary>y = x·Wᵀ with random operands; several weights in turn, so that none stays in a cache between two runs where that would help.</summary>
internal sealed unsafe class LinearWork : IDisposable
{
    private readonly Backend _backend;
    private readonly Tensor _x, _y;
    private readonly Matrix[] _weights;
    private readonly nint[] _data;
    private int _next;

    public LinearWork(Backend backend, int rows, int depth, int columns, StoredType type, int weights = 1)
    {
        _backend = backend;
        _x = backend.Allocate(rows, depth);
        _y = backend.Allocate(rows, columns);
        backend.Upload(Values(rows * depth), _x);
        var size = type == StoredType.Float32 ? sizeof(float) : sizeof(short);
        WeightBytes = (long)depth * columns * size;
        _data = new nint[weights];
        _weights = new Matrix[weights];
        for (var i = 0; i < weights; i++)
        {
            var data = (byte*)NativeMemory.AlignedAlloc((nuint)WeightBytes, 64);
            if (i == 0) Fill(data, type, (long)depth * columns);
            else Buffer.MemoryCopy((void*)_data[0], data, WeightBytes, WeightBytes);
            _data[i] = (nint)data;
            _weights[i] = backend.LoadMatrix(new StoredTensor("weight", "random", type, [columns, depth], data, WeightBytes));
        }
    }

    public long WeightBytes { get; }

    public void Run()
    {
        _backend.Linear(_x, _weights[_next], null, Activation.None, null, _y);
        _next = (_next + 1) % _weights.Length;
    }

    public void Dispose()
    {
        _x.Buffer.Dispose();
        _y.Buffer.Dispose();
        foreach (var data in _data) NativeMemory.AlignedFree((void*)data);
    }

    /// <summary>Uniform in ±1.</summary>
    public static float[] Values(int count)
    {
        var random = new Random(1);
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = 2 * random.NextSingle() - 1;
        return values;
    }

    private static void Fill(byte* data, StoredType type, long count)
    {
        var random = new Random(2);
        for (long i = 0; i < count; i++)
        {
            var value = 2 * random.NextSingle() - 1;
            if (type == StoredType.Float32) ((float*)data)[i] = value;
            else if (type == StoredType.Float16) ((Half*)data)[i] = (Half)value;
            else ((short*)data)[i] = (short)(BitConverter.SingleToInt32Bits(value) >> 16);
        }
    }
}
