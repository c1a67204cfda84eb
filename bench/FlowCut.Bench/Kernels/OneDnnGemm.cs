using System.Runtime.InteropServices;

namespace FlowCut.Bench.Kernels;

/// <summary>y = x·Wᵀ by oneDNN's sgemm (Debian: libdnnl2, OpenMP threads). Row-major, so no operand is copied by the caller.</summary>
internal sealed unsafe class OneDnnGemm : IDisposable
{
    private static readonly delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int> s_sgemm = Load();

    private readonly int _rows, _depth, _columns;
    private readonly float* _x, _w, _y;

    public OneDnnGemm(int rows, int depth, int columns)
    {
        (_rows, _depth, _columns) = (rows, depth, columns);
        _x = Copy(LinearWork.Values(rows * depth));
        _w = Copy(LinearWork.Values(depth * columns));
        _y = Copy(new float[rows * columns]);
    }

    public static bool IsAvailable => s_sgemm != null;

    public void Run()
    {
        var status = s_sgemm((byte)'N', (byte)'T', _rows, _columns, _depth, 1, _x, _depth, _w, _depth, 0, _y, _columns);
        if (status != 0) throw new InvalidOperationException($"dnnl_sgemm failed with status {status}.");
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_x);
        NativeMemory.AlignedFree(_w);
        NativeMemory.AlignedFree(_y);
    }

    private static delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int> Load()
    {
        foreach (var name in new[] { "libdnnl.so.3", "libdnnl.so.2" })
        {
            if (NativeLibrary.TryLoad(name, out var library))
                return (delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int>)NativeLibrary.GetExport(library, "dnnl_sgemm");
        }

        return null;
    }

    private static float* Copy(float[] values)
    {
        var data = (float*)NativeMemory.AlignedAlloc((nuint)values.Length * sizeof(float), 64);
        values.CopyTo(new Span<float>(data, values.Length));
        return data;
    }
}
