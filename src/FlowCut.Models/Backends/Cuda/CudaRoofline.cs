using FlowCut.Kernels;
using FlowCut.Kernels.Matmul;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>What a device reaches at best, measured: a square product in the activation type, and a copy.</summary>
internal static class CudaRoofline
{
    private const int Side = 8192;
    private const int Runs = 10;

    public static (double Gflops, double GBs) Measure(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream, ElementType type)
    {
        using var memory = pool.Allocate(3L * Side * Side * type.Bytes(), stream);
        FillRandom(memory, staging, type);
        var all = memory.Matrix(type, 3 * Side, Side);
        DeviceMatrix x = all.SliceRows(0, Side), w = all.SliceRows(Side, Side), y = all.SliceRows(2 * Side, Side);
        var product = Seconds(stream, () => Linear.Launch(kernels, x, w, null, null, y, stream));
        var copy = Seconds(stream, () => ConvertType.Launch(kernels, x, y, stream));
        return (2.0 * Side * Side * Side / product / 1e9, 2.0 * x.Bytes / copy / 1e9);
    }

    /// <summary>Zeros would be multiplied at less power and higher clocks than numbers.</summary>
    private static void FillRandom(DeviceMemory memory, UploadStaging staging, ElementType type)
    {
        var piece = new byte[staging.PieceBytes];
        var random = new Random(1);
        for (var i = 0; i + 4 <= piece.Length; i += type.Bytes())
        {
            var value = random.NextSingle() - 0.5f;
            if (type == ElementType.Float32) BitConverter.TryWriteBytes(piece.AsSpan(i), value);
            else if (type == ElementType.Float16) BitConverter.TryWriteBytes(piece.AsSpan(i), (Half)value);
            else BitConverter.TryWriteBytes(piece.AsSpan(i), (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
        }

        for (long done = 0; done < memory.Bytes; done += piece.Length)
            staging.UploadPiece(piece.AsSpan(0, (int)Math.Min(piece.Length, memory.Bytes - done)), memory.Pointer + (nint)done);
    }

    private static double Seconds(CudaStream stream, Action work)
    {
        using var start = CudaEvent.Create(stream.Context, timing: true);
        using var end = CudaEvent.Create(stream.Context, timing: true);
        var best = double.MaxValue;
        for (var i = 0; i < Runs; i++)
        {
            start.Record(stream);
            work();
            end.Record(stream);
            end.Synchronize();
            // the first run chooses an algorithm
            if (i > 0) best = Math.Min(best, end.MillisecondsSince(start) / 1000.0);
        }

        return best;
    }
}
