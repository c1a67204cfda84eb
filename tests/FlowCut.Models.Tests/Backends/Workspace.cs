using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;

namespace FlowCut.Models.Tests.Backends;

/// <summary>How a test lays a tensor into its buffer.</summary>
public enum Layout
{
    /// <summary>Aligned, rows without gaps.</summary>
    Dense,
    /// <summary>Three elements off any alignment, five unused elements between rows.</summary>
    Strided,
}

/// <summary>
/// A backend and tensors between sentinel bands. The sentinel is a NaN, so reading it shows in the result; disposing
/// checks that it was not written.
/// </summary>
internal sealed class Workspace(int workers, int lanes = 16) : IDisposable
{
    private const uint Sentinel = 0x7FC0_BEEF;
    private readonly List<Tensor> _tensors = [];

    public CpuBackend Backend { get; } = new(workers, lanes);

    public Tensor Output(int rows, int columns, Layout layout = Layout.Dense)
    {
        var (offset, stride) = layout == Layout.Dense ? (64, columns) : (67, columns + 5);
        var buffer = Backend.Allocate(offset + (long)rows * stride + 64, Precision.Single);
        Fill(buffer, Sentinel);
        var tensor = new Tensor(buffer, offset, rows, columns, stride);
        _tensors.Add(tensor);
        return tensor;
    }

    public Tensor Input(float[] values, int rows, int columns, Layout layout = Layout.Dense)
    {
        var tensor = Output(rows, columns, layout);
        Backend.Upload(values, tensor);
        return tensor;
    }

    public float[] Read(Tensor tensor)
    {
        var values = new float[(long)tensor.Rows * tensor.Columns];
        Backend.Download(tensor, values);
        return values;
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors) CheckBands(tensor);
        foreach (var tensor in _tensors) tensor.Buffer.Dispose();
        Backend.Dispose();
    }

    /// <summary>
    /// Runs <paramref name="body"/> twice with one worker and once with two and three; all results must be the same bits.
    /// Registers narrower than the usual ones run the same code: once is enough.
    /// </summary>
    public static float[][] Everywhere(int lanes, Func<Workspace, float[][]> body)
    {
        float[][]? first = null;
        foreach (var workers in lanes == 16 ? new[] { 1, 1, 2, 3 } : [2])
        {
            using var workspace = new Workspace(workers, lanes);
            var results = body(workspace);
            first ??= results;
            for (var i = 0; i < results.Length; i++)
            {
                Assert.True(
                    MemoryMarshal.Cast<float, uint>(first[i]).SequenceEqual(MemoryMarshal.Cast<float, uint>(results[i])),
                    $"result {i} with {workers} workers differs from the first run with one");
            }
        }

        return first!;
    }

    /// <summary>After some calls, whose scratch memory and locks may grow, <paramref name="operation"/> allocates nothing on the managed heap.</summary>
    public void CheckNoAllocation(Action<CpuBackend> operation)
    {
        for (var i = 0; i < 30; i++) operation(Backend);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++) operation(Backend);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static unsafe void Fill(DeviceBuffer buffer, uint bits) =>
        new Span<uint>(((CpuBuffer)buffer).Data, checked((int)buffer.Length)).Fill(bits);

    private static unsafe void CheckBands(Tensor tensor)
    {
        var all = new ReadOnlySpan<uint>(((CpuBuffer)tensor.Buffer).Data, checked((int)tensor.Buffer.Length));
        for (var i = 0; i < all.Length; i++)
        {
            var (row, column) = (-1L, 0L);
            if (i >= tensor.Offset && tensor.Stride > 0) (row, column) = Math.DivRem(i - tensor.Offset, tensor.Stride);
            var inside = row >= 0 && row < tensor.Rows && column < tensor.Columns;
            if (!inside) Assert.True(all[i] == Sentinel, $"element {i} outside [{tensor.Rows}, {tensor.Columns}] was overwritten");
        }
    }
}
