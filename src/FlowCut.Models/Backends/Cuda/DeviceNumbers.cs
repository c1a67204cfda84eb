using System.Runtime.InteropServices;
using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Small host arrays that one kind of operation needs on the device: positions, sequence offsets, frequencies. All layers of a
/// model ask for the same ones, so an array is sent again only when it differs from the last.
/// </summary>
internal sealed class DeviceNumbers<T>(DeviceMemoryPool pool, UploadStaging staging, CudaStream stream) : IDisposable
    where T : unmanaged, IEquatable<T>
{
    private DeviceMemory? _memory;
    private T[] _last = [];
    private int _length = -1;

    /// <summary>The values on the device, for work that is queued before the next call.</summary>
    public DeviceArray<T> Of(ReadOnlySpan<T> values)
    {
        // a recording would go on using this memory, which the next other values replace
        if (CapturedGraph.IsRecording) throw new InvalidOperationException("Host values cannot be part of recorded work.");
        if (_length == values.Length && values.SequenceEqual(_last.AsSpan(0, _length))) return Array(_length);
        if (_last.Length < values.Length)
        {
            _memory?.Dispose();
            (_memory, _last, _length) = (null, [], -1);
            _memory = pool.Allocate(Marshal.SizeOf<T>() * (long)values.Length, stream);
            _last = new T[values.Length];
        }

        values.CopyTo(_last);
        _length = values.Length;
        var bytes = MemoryMarshal.AsBytes(values);
        for (var done = 0; done < bytes.Length; done += staging.PieceBytes)
            staging.UploadPiece(bytes.Slice(done, Math.Min(staging.PieceBytes, bytes.Length - done)), _memory!.Pointer + done);
        return Array(_length);
    }

    public void Dispose() => _memory?.Dispose();

    private DeviceArray<T> Array(int length) => length == 0 ? default : _memory!.Array<T>(length);
}
