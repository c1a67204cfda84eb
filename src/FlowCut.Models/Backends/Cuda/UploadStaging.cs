using FlowCut.Kernels;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>
/// Page-locked memory in two halves, through which everything goes to the device: one half fills while the copies out of the
/// other are under way. What was given is free to reuse when a call returns.
/// </summary>
internal sealed unsafe class UploadStaging : IDisposable
{
    private readonly CudaStream _stream;
    private readonly PinnedMemory _memory;
    private readonly CudaEvent[] _copied;
    private readonly int _half;
    private int _current, _used;

    /// <param name="stream">Where copies are queued.</param>
    /// <param name="halfBytes">Size of a half, a multiple of 16.</param>
    public UploadStaging(CudaStream stream, int halfBytes)
    {
        _stream = stream;
        _half = halfBytes;
        _memory = PinnedMemory.Allocate(stream.Context, 2L * halfBytes, writeCombined: true);
        _copied = [CudaEvent.Create(stream.Context), CudaEvent.Create(stream.Context)];
    }

    /// <summary>The most bytes that one copy can carry.</summary>
    public int PieceBytes => _half;

    /// <summary>Queues copying bytes to the device, in pieces.</summary>
    public void Upload(byte* source, long bytes, nint destination)
    {
        for (long done = 0; done < bytes;)
        {
            var piece = (int)Math.Min(bytes - done, _half);
            UploadPiece(new ReadOnlySpan<byte>(source + done, piece), destination + (nint)done);
            done += piece;
        }
    }

    /// <summary>Queues one copy of at most <see cref="PieceBytes"/>.</summary>
    public void UploadPiece(ReadOnlySpan<byte> source, nint destination)
    {
        if (source.IsEmpty) return;
        // a record would copy what lies here when it is repeated, not what is given now
        if (CapturedGraph.IsRecording) throw new InvalidOperationException("Host values cannot be part of recorded work.");
        if (source.Length > _half - _used) Turn();
        var offset = _current * _half + _used;
        source.CopyTo(_memory.Span<byte>()[offset..]);
        _stream.EnqueueUpload(_memory.HostPointer + offset, destination, source.Length);
        // whole 16 bytes, so that the next piece is aligned too
        _used += (source.Length + 15) & ~15;
    }

    public void Dispose()
    {
        if (!_stream.Context.IsLost) _stream.Synchronize();
        foreach (var copied in _copied) copied.Dispose();
        _memory.Dispose();
    }

    /// <summary>Leaves this half to its copies and takes the other one once its own are done.</summary>
    private void Turn()
    {
        _copied[_current].Record(_stream);
        _current = 1 - _current;
        _copied[_current].Synchronize();
        _used = 0;
    }
}
